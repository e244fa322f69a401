"""Looks at a checkpoint before anything is built on it, so that a wrong path is one clear line and not a traceback."""

import pickle
import zipfile
from pathlib import Path

import torch

from demo_model.errors import DemoError
from demo_model.model import ConvNet

_WORDS = ("best", "last", "hpc", "registry")
"""What Lightning accepts in place of a path; registry may be followed by a name."""


def check_checkpoint(ckpt_path: str) -> None:
    """Raises DemoError when `ckpt_path` is not there, not a checkpoint, or not one of this network."""
    if ckpt_path.startswith(_WORDS) and not Path(ckpt_path).exists():
        return
    if not Path(ckpt_path).is_file():
        raise DemoError(f"no checkpoint {ckpt_path}: there is no such file")
    if not zipfile.is_zipfile(ckpt_path):
        raise DemoError(f"{ckpt_path} is not a checkpoint, or only a part of one")
    try:
        content = torch.load(ckpt_path, map_location="meta", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise DemoError(f"{ckpt_path} cannot be read as a checkpoint") from error
    if not isinstance(content, dict) or content.get("state_dict", {}).keys() != ConvNet().state_dict().keys():
        raise DemoError(f"{ckpt_path} is a checkpoint of another network, not of ConvNet")
