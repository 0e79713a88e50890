"""Arrays in, arrays out: decode, align, crop."""
