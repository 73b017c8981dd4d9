"""What models answer with and how that is written, and how they are asked to search and to draw; without torch."""
