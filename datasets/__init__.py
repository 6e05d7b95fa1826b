"""Loaders: raw files in their publisher's layout (or the user's own) to `tf.data` of named dicts.

One folder a task, one file a source. Nothing here imports `zoo` or `pipelines`.
"""
