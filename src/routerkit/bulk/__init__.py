"""Files of queries of any length: read in windows, routed, written in the order of the input, resumable."""
