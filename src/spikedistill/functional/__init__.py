"""Tensors in, tensors out: the formulas, in torch alone."""
