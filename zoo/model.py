"""The base of the project's models."""

import keras


class Model(keras.Model):
    """A Keras model whose config is what its constructor was given, as it is of Keras' layers.

    So a model of plain arguments (numbers, strings, True, False, None) needs no `get_config`.
    """

    def __new__(cls, *args, **kwargs):
        # keras.Model's own leaves the arguments out, and Layer's is where they are recorded.
        return keras.layers.Layer.__new__(cls, *args, **kwargs)
