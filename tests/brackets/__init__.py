"""A fifth pipeline, small and complete: are the brackets of a line balanced?

It is what CONTRIBUTING explains step by step, and what the tests run every verb on.
"""
