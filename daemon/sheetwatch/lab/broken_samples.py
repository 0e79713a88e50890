"""Samples that are not what their label says: looked at one by one, by eye.

All 15,379 UNIPEN digits were read by an early model, and the 92 whose label it thought less likely than 4 % were drawn
and looked at. Listed here are those in which nobody would see the label: one stroke of a 4 or a 0, a dash called 1, two
digits called one. Merely bad handwriting (a 1 like a 7, a 9 like a 4) is not listed: people do write so.
"""

BROKEN_DIGITS = frozenset(
    {
        *(6937, 7796, 13919, 13946, 13948, 13950, 13961, 8136, 8318, 7319, 7878, 8222, 8416, 7952, 7622, 6995, 13969),
        *(6932, 7399, 7624, 8320, 6991, 7393, 7324, 8425, 7880, 7142, 7041, 7630, 8043, 6894, 7537, 8228, 4851, 4661),
        *(8316, 6941, 8326, 7398, 8319, 14257, 7396, 8315, 6942, 7391, 7957, 7468, 8324, 6940, 6997, 8038, 7255, 6939),
        *(7326, 7149, 7046, 7097, 8227, 7190, 7197, 8325, 7397, 7627, 6899, 8421, 7798, 2228, 14397, 14396, 14494),
        *(8317, 8418, 6934, 8419, 8034),
    }
)

# Of the small collections, by their place in the file: a 1 called 9 or 7, a 3 called 9, a P called 8 or 9.
MISLABELLED = {"nsysu_digits": frozenset({147, 1834}), "semeion": frozenset({574, 581, 786, 1589})}
