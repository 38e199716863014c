"""What is measured on a network: accuracy at every step, firing, synaptic operations."""
