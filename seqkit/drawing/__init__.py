"""Pictures for reports: plots, contact sheets, alignments, and the drawings of the topologies."""
