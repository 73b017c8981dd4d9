"""Many to many, synced: a label for each step of a sequence, in two families.

``tagging`` labels the words of sentences, ``frames`` the frames of whatever is measured over time.
"""

from seqkit.topologies.synced.task import Synced

__all__ = ["Synced"]
