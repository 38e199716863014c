"""What running a network takes: parameters, operations, spikes, energy, early exit."""
