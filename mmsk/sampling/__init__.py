"""Rows drawn anew: over-sampling of tensor columns, masked copies, balanced classes."""
