"""What runs end with that are disturbed: killed, written by several at once, on a full disk, damaged; fuzzed readers.

Every trial is a process that is forked from one which has loaded everything, so that it costs a fraction of a second.
"""
