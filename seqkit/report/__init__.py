"""Reports: the page of a run, the comparison of several, and facts about cells."""
