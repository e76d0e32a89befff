"""Progress bar over the epochs of a fit."""

from skorch.callbacks import Callback
from tqdm.auto import tqdm


class EpochBar(Callback):
    """Show one bar a fit, with the last losses beside it.

    Parameters
    ----------
    label : str
        Text in front of the bar.
    """

    def __init__(self, label):
        self.label = label

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, desc=self.label, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance it by one epoch."""
        last = net.history[-1]
        shown = {name: f"{last[name]:.3f}" for name in ("train_loss", "valid_loss") if name in last}
        self.bar_.set_postfix(shown)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close it."""
        self.bar_.close()
