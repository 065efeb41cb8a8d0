"""LEARN: labelled queries in, router artefact out. Needs the extra `train`."""
