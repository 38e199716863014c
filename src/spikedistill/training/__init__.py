"""One phase as one module, one loop over it, and what is kept on disk."""
