"""Ways from one network to another: twins, and what needs data to convert."""
