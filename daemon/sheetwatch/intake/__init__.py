"""Watch, settle and claim scans."""
