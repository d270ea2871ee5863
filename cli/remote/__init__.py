"""`floe platform` as a client of `floe serve`: the same answers, from elsewhere."""
