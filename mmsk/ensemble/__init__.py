"""Ensembles of estimators over modalities and over folds."""
