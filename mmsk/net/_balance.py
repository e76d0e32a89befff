"""Training aids against one modality that learns fast and leaves the others behind."""

import torch


class GradientModulation:
    """On-the-fly gradient modulation with generalisation enhancement (OGM-GE).

    X. Peng et al., "Balanced multimodal learning via on-the-fly gradient modulation", CVPR 2022, sections 3.2 and 3.3.
    A modality's score is the mean over the rows that have it of exp(-loss) of its own head, which for classes is the
    probability of the right one; the paper reads it off the part of a linear head that belongs to the modality, which
    only some fusions have. Its ratio r to the mean score of the other modalities decides: where r > 1, the gradient of
    its encoder is multiplied by 1 - tanh(alpha r). Noise as large as the gradient is added to that of each weight
    matrix and kernel, which keeps the noise of stochastic gradients that smaller ones would lose.

    Parameters
    ----------
    alpha : float
        How strongly what is ahead is slowed down.
    generator : torch.Generator
        Where the noise comes from.
    """

    def __init__(self, alpha, generator):
        self.alpha = alpha
        self.generator = generator
        self.totals = None

    @torch.no_grad()
    def listen(self, losses, presence):
        """Take note of one batch.

        Parameters
        ----------
        losses : list of Tensor of shape (n_rows,)
            Of the head of each modality.
        presence : list of Tensor of shape (n_rows,), dtype bool, or None
            Rows that have it; None is all.
        """
        scores = [torch.exp(-loss) for loss in losses]
        there = [torch.ones_like(s) if p is None else p.to(s.dtype) for s, p in zip(scores, presence, strict=True)]
        sums = [(s * p).sum() for s, p in zip(scores, there, strict=True)]
        totals = torch.stack([torch.stack(sums), torch.stack([p.sum() for p in there])])
        self.totals = totals if self.totals is None else self.totals + totals

    @torch.no_grad()
    def apply(self, encoders):
        """Modulate the gradients of the batches heard since the last step.

        Parameters
        ----------
        encoders : sequence of nn.Module
            One a modality.
        """
        (sums, counts), self.totals = self.totals, None
        for encoder, factor in zip(encoders, self.factors(sums, counts), strict=True):
            for weight in encoder.parameters():
                if weight.grad is None:
                    continue
                noise = None
                if weight.grad.ndim > 1 and weight.grad.numel() > 1:
                    noise = torch.empty_like(weight.grad).normal_(generator=self.generator).mul_(weight.grad.std())
                weight.grad.mul_(factor)
                if noise is not None:
                    weight.grad.add_(noise)

    def factors(self, sums, counts):
        """Say what the gradients of each modality are multiplied by.

        Parameters
        ----------
        sums : Tensor of shape (n_modalities,)
            Summed scores.
        counts : Tensor of shape (n_modalities,)
            Of how many rows; a modality of none is left out.

        Returns
        -------
        Tensor of shape (n_modalities,)
            Between 0 and 1.
        """
        seen = counts > 0
        scores = sums / counts.clamp_min(1)
        n_others = seen.sum() - seen.to(torch.int64)
        others = (scores.sum() - scores) / n_others.clamp_min(1)
        ratio = scores / others.clamp_min(torch.finfo(scores.dtype).tiny)
        ahead = seen & (n_others > 0) & (ratio > 1)
        return torch.where(ahead, 1 - torch.tanh(self.alpha * ratio), 1.0)


class GradientBlending:
    """Gradient blending: the losses of the joint head and of each modality's own, by how well each generalises.

    W. Wang et al., "What makes training multi-modal classification networks hard?", CVPR 2020, the online version: over
    a super-epoch a head's validation loss falls by G, and its gap between validation and training loss grows by O; its
    weight until the next is proportional to G / O ** 2. Weights begin equal. Training losses are those met while
    training, and the first super-epoch counts from the end of the first epoch.

    Parameters
    ----------
    n_epochs : int
        Length of a super-epoch.
    n_heads : int
        One more than modalities.
    like : Tensor
        On the device of the losses.
    """

    def __init__(self, n_epochs, n_heads, like):
        self.n_epochs = n_epochs
        self.weights = like.new_full((n_heads,), 1.0 / n_heads)
        self.totals = {True: 0.0, False: 0.0}
        self.start = None
        self.age = 0

    def blend(self, losses, sizes, training):
        """Take note of one batch and join its losses.

        Parameters
        ----------
        losses : Tensor of shape (n_heads,)
            Mean losses, the joint head's first.
        sizes : Tensor of shape (n_heads,)
            Weight of the rows that each is the mean of.
        training : bool
            Whether the batch is one of training.

        Returns
        -------
        Tensor of shape ()
            The weighted sum.
        """
        self.totals[training] = self.totals[training] + torch.stack([losses.detach() * sizes, sizes])
        return (losses * self.weights).sum()

    def end_epoch(self):
        """Weigh anew at the end of a super-epoch."""
        train, valid = (sums / sizes.clamp_min(1e-12) for sums, sizes in self.totals.values())
        self.totals = {True: 0.0, False: 0.0}
        if self.start is None:
            self.start = train, valid
            return
        self.age += 1
        if self.age == self.n_epochs:
            self.weights = blending_weights(self.start, (train, valid), self.weights)
            self.start, self.age = (train, valid), 0


def blending_weights(start, end, weights):
    """Weigh heads by G / O ** 2, scaled to a sum of one.

    Parameters
    ----------
    start, end : tuple of Tensor of shape (n_heads,)
        Training and validation losses at both ends of a super-epoch.
    weights : Tensor of shape (n_heads,)
        The weights so far, kept where no validation loss has fallen.

    Returns
    -------
    Tensor of shape (n_heads,)
        A head whose validation loss has not fallen gets none. Overfitting counts as at least a tenth of the largest
        change among the heads: one that happens to be near zero would take all the weight.
    """
    gain = (start[1] - end[1]).clamp_min(0.0)
    overfitting = (end[1] - end[0]) - (start[1] - start[0])
    least = 0.1 * overfitting.abs().max().clamp_min(1e-6)
    new = gain / torch.maximum(overfitting, least) ** 2
    total = new.sum()
    return torch.where(total > 0, new / total.clamp_min(torch.finfo(total.dtype).tiny), weights)
