"""Where the printed lines of ruled or squared paper run, by their period, also where writing hides them.

Fourier analysis of windows of the page gives the period of the lines' pieces; complex demodulation with it their phase,
which changes slowly over a page, however the sheet lies, is bent or was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Spectrum = npt.NDArray[np.float64]

_WINDOW = 256  # pixels of the parts of a page whose spectra are added
_SIZE = 2 * _WINDOW  # of a spectrum
_LONGEST, _SHORTEST = 60.0, 7.0  # pixels between two lines
_STEEPEST = 0.2  # rise over run
_FEW = 20  # pixels of line; a window with fewer says nothing
_PROMINENT = (3.0, 2.0)  # times the power around: the family's frequency and its double; writing reaches neither
_AROUND = 0.35  # of the frequency
_LEAST_MEAN = 0.2  # pixels of line in each period, over the whole page
_ACROSS, _ALONG = 2.0, 1.5  # periods over which the phase is averaged
_COARSE = 4
_STEEPER, _CLOSER = (-0.16, -0.08, 0.0, 0.08, 0.16), (-0.08, 0.0, 0.08)  # than on average, rise over run and share
_LEAST_COHERENCE = 0.5  # of the pieces around; writing is in step with nothing
_LEAST_FILL = 0.35  # pixels of line in each period around
_HALF_WIDTH = 1.2  # pixels beside a line's middle


def find_rails(pieces: Mask) -> Mask:
    """Where a family of nearly level, evenly spaced lines runs: uint8 of the same shape, 1 = on a line.

    pieces: uint8 (H, W), 1 = on something thin, level and straight, be it line or stroke.
    """
    rise, run = _frequency(_power(pieces))
    if rise == 0.0 or pieces.mean() < _LEAST_MEAN * rise:
        return np.zeros_like(pieces)
    rows, columns = np.mgrid[: pieces.shape[0], : pieces.shape[1]].astype(np.float32)
    angle = (2 * np.pi * (rise * rows + run * columns)).astype(np.float32)
    cos, sin, all_of = _in_step(pieces * np.cos(angle), pieces * np.sin(angle), pieces.astype(np.float32), rise)
    off = np.angle(np.exp(1j * angle) * (cos - 1j * sin))
    clear = np.hypot(cos, sin) > _LEAST_COHERENCE * np.maximum(all_of, 1e-6)
    clear &= all_of > _LEAST_FILL * rise
    return np.asarray(clear & (np.abs(off) < 2 * np.pi * _HALF_WIDTH * rise), dtype=np.uint8)


def _in_step(real: Real, imaginary: Real, all_of: Real, rise: float) -> tuple[Real, Real, Real]:
    """The lines' phase around each pixel, cosine and sine, as long as the lines are in step; and their whole ink.

    Where the sheet is bent, lines are steeper or closer than elsewhere: of several frequencies the one counts that most
    of what is around is in step with.
    """
    size = (max(1, real.shape[1] // _COARSE), max(1, real.shape[0] // _COARSE))
    coarse = [cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (real, imaginary, all_of)]
    sigma = (_ALONG / rise / _COARSE, _ACROSS / rise / _COARSE)
    rows, columns = (np.arange(side)[:, None] for side in size[::-1])
    turning = coarse[0] + 1j * coarse[1]
    best = np.zeros(turning.shape, np.complex128)
    for down in _CLOSER:
        for over in _STEEPER:
            back = np.exp(2j * np.pi * rise * _COARSE * (down * rows + over * columns.T))
            turned = turning / back
            even = _even(turned.real, sigma) + 1j * _even(turned.imag, sigma)
            best = np.where(np.abs(even) > np.abs(best), even * back, best)
    fields = (best.real, best.imag, _even(coarse[2], sigma))
    wide = [cv2.resize(field, real.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32) for field in fields]
    return wide[0], wide[1], wide[2]


def _even(values: npt.NDArray[np.floating[Any]], sigma: tuple[float, float]) -> npt.NDArray[np.float64]:
    even = cv2.GaussianBlur(
        values.astype(np.float64), (0, 0), sigma[0], sigmaY=sigma[1], borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(even, dtype=np.float64)


def _frequency(power: Spectrum) -> tuple[float, float]:
    """Lines per row and per column of the strongest family; zeros where there is none.

    power: (512, 512), the frequency 0 in its middle. Thin lines have their frequency's double too.
    """
    best, found = 0.0, (0, 0)
    for row in range(int(_SIZE / _LONGEST), int(_SIZE / _SHORTEST) + 1):
        reach = int(_STEEPEST * row) + 1
        columns = np.arange(-reach, reach + 1)
        before, own, after = power[_WINDOW + row - 1 : _WINDOW + row + 2, _WINDOW + columns]
        double = power[_WINDOW + 2 * row, _WINDOW + 2 * columns]
        both = np.where(own >= np.maximum(before, after), np.minimum(own, double), 0.0)
        if both.max() > best:
            best, found = float(both.max()), (row, int(columns[both.argmax()]))
    row, column = found
    if best == 0.0 or any(_prominence(power, row, column, k) < _PROMINENT[k - 1] for k in (1, 2)):
        return 0.0, 0.0
    return row / _SIZE, column / _SIZE


def _prominence(power: Spectrum, row: int, column: int, times: int) -> float:
    """How many times the mean power around it a frequency's multiple has."""
    reach = max(3, int(_AROUND * row))
    y, x = _WINDOW + times * row, _WINDOW + times * column
    around = power[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return float(power[y, x] / around.mean())


def _power(pieces: Mask) -> Spectrum:
    """The power spectrum, (512, 512), the frequency 0 in its middle, averaged over windows (Welch 1967)."""
    rows, columns = (max(0, _WINDOW - side) for side in pieces.shape)
    padded = cv2.copyMakeBorder(pieces, 0, rows, 0, columns, cv2.BORDER_CONSTANT).astype(np.float64)
    taper = np.outer(np.hanning(_WINDOW), np.hanning(_WINDOW))
    half = np.zeros((_SIZE, _WINDOW + 1))
    for top in range(0, padded.shape[0] - _WINDOW + 1, _WINDOW // 2):
        for left in range(0, padded.shape[1] - _WINDOW + 1, _WINDOW // 2):
            part = padded[top : top + _WINDOW, left : left + _WINDOW]
            if part.sum() >= _FEW:
                half += np.abs(np.fft.rfft2((part - part.mean()) * taper, (_SIZE, _SIZE))) ** 2
    right = np.fft.fftshift(half, axes=0)[:, :_WINDOW]
    power = np.zeros((_SIZE, _SIZE))
    power[:, _WINDOW:] = right
    power[1:, 1:_WINDOW] = right[:0:-1, :0:-1]  # a real picture's spectrum is the same on both sides
    return np.asarray(cv2.GaussianBlur(power, (3, 3), 0))
