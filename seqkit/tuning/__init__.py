"""The search for good options: a space, trials that train in it, and the study that several processes share."""
