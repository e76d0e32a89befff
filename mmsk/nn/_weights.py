"""Weights in files: of encoders that were saved, of torchvision, of anyone's training."""

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import save_file
from safetensors.torch import load_file

from mmsk.exceptions import BadInputError


def write_weights(arrays, path, step):
    """Write a safetensors file.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Weights by name.
    path : str or Path
        The file.
    step : str
        Who writes, kept in the file.

    Raises
    ------
    BadInputError
        If the place cannot be written to, or a module keeps something else than tensors.
    """
    for name, value in arrays.items():
        if not isinstance(value, np.ndarray):
            raise BadInputError(
                f"the network keeps {name!r}, a {type(value).__name__}, which a file of weights cannot hold",
                step=step,
                fix="Pickle the model, or keep it in a buffer instead of get_extra_state.",
            )
    try:
        save_file(arrays, path, metadata={"encoder": step})
    except (OSError, SafetensorError) as error:
        raise BadInputError(
            f"the weights cannot be written to {str(path)!r}: {error}", step=step, fix="Choose another place."
        ) from error


def read_weights(path, step):
    """Read a file of weights.

    Parameters
    ----------
    path : str or Path
        A safetensors file, whatever its name, or one as `torch.save` writes it, which is read without running code.
    step : str
        Who asks, for error messages.

    Returns
    -------
    dict of str to Tensor
        Weights by name.

    Raises
    ------
    BadInputError
        If the file is not there, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInputError(
            f"weights={str(path)!r} is no file", step=step, fix="Give the path of a .safetensors or .pt file."
        )
    try:
        if path.suffix == ".safetensors" or _is_safetensors(path):
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch would advise to run what the file holds
        raise BadInputError(
            f"weights={str(path)!r} cannot be read: it is no file of tensors alone",
            step=step,
            fix="Give a file that save_weights, safetensors or torch.save(module.state_dict(), ...) wrote.",
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise BadInputError(
            f"weights={str(path)!r} cannot be read: {error}",
            step=step,
            fix="Give a file that save_weights, safetensors or torch.save(module.state_dict(), ...) wrote.",
        ) from error
    # Training scripts keep the weights beside the state of their optimiser.
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(torch.is_tensor(value) for value in state.values()):
        raise BadInputError(
            f"weights={str(path)!r} holds no dict of tensors by name",
            step=step,
            fix="Write it with torch.save(module.state_dict(), ...).",
        )
    return state


def _is_safetensors(path):
    """Tell by the content: eight bytes of length, then a JSON object (github.com/huggingface/safetensors)."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def load_state(module, state, source, step):
    """Put weights into a module.

    Parameters
    ----------
    module : nn.Module
        The module.
    state : dict of str to Tensor
        Weights by name.
    source : str
        Where they come from, for error messages.
    step : str
        Who asks, for error messages.

    Raises
    ------
    BadInputError
        If names or shapes are not those of the module.
    """
    own = module.state_dict()
    # Files older than this counter lack it, and nothing depends on it.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    foreign = [name for name in state if name not in own]
    fix = "Give the encoder the parameters, and cells of the shape, that these weights were trained with."
    if missing or foreign:
        parts = [
            f"{len(names)} {what}, such as {names[0]!r}"
            for names, what in ((missing, "are missing"), (foreign, "are unknown"))
            if names
        ]
        raise BadInputError(
            f"the weights of {source} are not those of this network: {', and '.join(parts)}", step=step, fix=fix
        )
    for name, value in own.items():
        if name in state and state[name].shape != value.shape:
            raise BadInputError(
                f"the weights of {source} hold {name!r} in shape {tuple(state[name].shape)}, this network has it in "
                f"shape {tuple(value.shape)}",
                step=step,
                fix=fix,
            )
    module.load_state_dict(with_versions(state, module), strict=False)


def with_versions(state, module):
    """Say which version of each layer's format weights have, as some layers of torchvision refuse those that do not.

    Parameters
    ----------
    state : dict of str to Tensor
        Weights by name.
    module : nn.Module
        What they are for: where they do not say it themselves, they are taken to be of its versions.

    Returns
    -------
    OrderedDict of str to Tensor
        The same weights.
    """
    versions = getattr(state, "_metadata", None) or module.state_dict()._metadata
    state = OrderedDict(state)
    state._metadata = versions
    return state


def weights_to_numpy(module):
    """Copy weights and buffers into numpy arrays.

    Parameters
    ----------
    module : nn.Module
        The network.

    Returns
    -------
    dict of str to ndarray
        Arrays by name; what a module keeps by `get_extra_state` stays as it is.
    """
    return {
        name: value if _is_extra(name) else value.detach().cpu().contiguous().numpy().copy()
        for name, value in module.state_dict().items()
    }


def _is_extra(name):
    return name.endswith("_extra_state")  # torch.nn.modules.module has it so


def weights_from_numpy(module, weights):
    """Load what :func:`weights_to_numpy` gave, keeping each array's dtype.

    Parameters
    ----------
    module : nn.Module
        The network.
    weights : dict of str to ndarray
        Arrays by name.
    """
    state = {name: value if _is_extra(name) else torch.from_numpy(np.array(value)) for name, value in weights.items()}
    module.load_state_dict(with_versions(state, module), assign=True)
    module.to(memory_format=torch.channels_last)
