"""Decoded cells kept on disk between folds, searches and runs."""
