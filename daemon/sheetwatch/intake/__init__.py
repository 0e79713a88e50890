"""How scans come in: look at the inbox, wait until a file has settled, take it up.

Events are hints that make the next look come sooner; what a look at the folder finds is the truth.
"""
