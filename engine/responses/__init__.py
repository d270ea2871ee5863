"""The JSON documents that every face answers programs with."""
