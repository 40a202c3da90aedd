"""How much windows of the past vary, and the φ that follows: see `baselines`."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.overdispersion import ELSEWHERE, Dispersion, degrees

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: What varies more than this quantile of those that agree does not agree with them.
_LUCK = 0.99


@dataclass(frozen=True, slots=True)
class Between:
    """How much segments vary between `windows`: as `excess`, which estimates σ² and may be below 0; (S, F).

    `c` is what they have on average, `bins` how many.
    """

    excess: Floats
    windows: Floats
    c: Floats
    bins: Floats

    @property
    def variance(self) -> Floats:
        """σ²."""
        return np.maximum(self.excess, 0.0)

    def beside(self, common: Floats, worth: Floats) -> tuple[Floats, Floats]:
        """σ² and its degrees of freedom, beside what is `common`, which is worth so many of them.

        Where cells agree on σ², both are averaged, and add up (Smyth 2004); but who varied more than luck
        makes of that is none of them (Phipson et al. 2016). Elsewhere `common` is a lower bound, mixed in.
        """
        k = np.maximum(self.windows - 1, 0.0)
        moderated = (k * self.variance + worth * common) / (k + worth)
        c = np.where(self.c > 0, self.c, 1.0)
        expected = 1 + common / c
        nu = degrees(expected, self.bins)
        luck = special.fdtri(np.maximum(k, 1.0) * nu, worth * nu, _LUCK)
        agrees = (worth > ELSEWHERE) & (1 + self.excess / c <= luck * expected)
        return (
            np.where(agrees, moderated, np.maximum(self.variance, moderated)),
            np.where(agrees, k + worth, k),
        )


@dataclass(frozen=True, slots=True)
class Replicates:
    """φ with its degrees of freedom, of how many `windows`, all (S, F); whether these are `known`.

    `alone` says where they tell all: not where some rows are compared with a reference of no past windows.
    `others` is the part of what devices add to φ that they do not know.
    """

    phi: Floats
    df: Floats
    windows: Floats
    others: Floats
    known: Flags
    alone: Flags

    def over(self, within: Dispersion) -> tuple[Floats, Floats, Floats]:
        """φ, its degrees of freedom, and of how many windows it is: 0 where devices and cells tell it.

        Those of the window itself tell `within`.
        """
        take = self.known & (self.alone | (self.phi > within.phi))
        of_windows = Dispersion(self.phi, self.df, self.known)
        told = of_windows.plus((within.phi - 1) * self.others, within.df)
        return (
            np.where(take, told.phi, within.phi),
            np.where(take, told.df, within.df),
            np.where(take, self.windows, 0.0),
        )
