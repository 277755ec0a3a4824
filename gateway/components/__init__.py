"""The real servers around the plant: where each binary comes from, and how each runs as a child process."""
