"""A small convolutional network for drawings, trained together with what follows it."""

import keras
from keras import layers

CHANNELS = (32, 64, 128)


def build_small_cnn(image_size: int = 64) -> keras.Model:
    """Three stages of two convolutions, the first of which halves the image.

        stage  conv 4x4, stride 2 -> BN -> ReLU -> conv 3x3 -> BN -> ReLU

    A cell sees a square of 50 x 50 pixels, centred on the 8 x 8 pixels that it stands for: an even
    kernel at stride 2 is padded alike on both sides, where 3x3 would shift the grid by 3.5 pixels.

    Args:
        image_size: pixels of a side.

    Returns:
        A model from `<float32>[batch, image_size, image_size, 3]`, RGB in 0..255, to
        `<float32>[batch, ceil(image_size / 8)^2, 128]`, the grid row by row.
    """
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    for number, channels in enumerate(CHANNELS, start=1):
        x = _conv(x, channels, 4, 2, f"stage{number}a")
        x = _conv(x, channels, 3, 1, f"stage{number}b")
    outputs = layers.Reshape((-1, CHANNELS[-1]), name="cells")(x)
    return keras.Model(inputs, outputs, name="small_cnn")


def _conv(x, channels: int, kernel: int, stride: int, name: str):
    x = layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    # Keras' momentum of 0.99 keeps a third of its start after 100 steps; a short training has few.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
