"""The JSON documents that every interface answers programs with."""
