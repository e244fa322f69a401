"""The same with everything that a Trainer brings along by itself."""

import torch
from lightning.pytorch import Trainer

from smallest import points
from validation import Validated

if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=2).fit(Validated(), points(64), points(32, seed=1))
