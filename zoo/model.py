"""The base of the project's models."""

import keras


class Model(keras.Model):
    """A Keras model that records its constructor's arguments as its config, as Keras' layers do.

    So a model of plain arguments (numbers, strings, True, False, None) needs no `get_config`.
    """

    def __new__(cls, *args, **kwargs):
        # keras.Model's own `__new__` leaves the arguments out; the layers' records them.
        return keras.layers.Layer.__new__(cls, *args, **kwargs)
