"""The public classes of zoo/: those that Keras finds by name when it loads a model."""

import importlib
import pkgutil

import keras

import zoo


def public_classes(package: str = "zoo") -> list[type]:
    """Every class registered by a module of a package, in the order of their names."""
    for module in pkgutil.walk_packages(zoo.__path__, "zoo."):
        importlib.import_module(module.name)
    registered = keras.saving.get_custom_objects().values()
    classes = {each for each in registered if each.__module__.startswith(f"{package}.")}
    return sorted(classes, key=lambda each: each.__name__)
