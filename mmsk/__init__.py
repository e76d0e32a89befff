"""Scikit-learn-compatible estimators that learn from rows of photos, sounds, sentences and numbers."""
