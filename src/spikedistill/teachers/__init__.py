"""Foreign trained networks with the face of our own."""
