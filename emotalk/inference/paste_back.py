"""Paste a generated face back into the picture that its crop was cut from.

What is pasted is the change between the picture's own crop and the generated frames. So a face that
does not change leaves the picture as it is, with all its detail, and a picture of any size stays
sharp where the face is still.
"""

import cv2
import numpy as np

from emotalk.errors import WrongUse
from emotalk.faces.align import scale_of, warp
from emotalk.schema import LANDMARKS, SIZE, Bytes, Doubles, Floats, check_shape

LONGEST = 8192  # pixels; longer frames are refused by encoders and players
SHORTEST = 64
CENTRE = (64.0, 64.0)  # of the mask, x and y in crop pixels
INNER = (31.0, 40.0)  # half axes within which the face is the generated one
OUTER = (50.0, 58.0)  # half axes beyond which every pixel is the picture's
JAW, CHIN, BROWS = slice(4, 13), 8, slice(17, 27)  # of the landmarks
FOREHEAD = 0.4  # height of the forehead, as a share of that from brows to chin
CHIN_DROP = 3.0  # crop pixels by which an open mouth lowers the jaw
MARGIN, FEATHER = 0.5, 7.0  # crop pixels around the face: whole, then falling to nothing
FINE = 4  # pixels of the outline's picture in one of the crop
DETAIL_SIGMA = 1.5  # crop pixels; what is finer is detail
ALIKE_SIGMA = 2.0  # crop pixels over which differences are averaged
ALIKE_LEVELS = 14.0  # grey levels of difference at which a third of the picture's detail is left
MATCH_FRAMES = 25  # of the beginning, whose mean colours are matched
MATCH_SIGMA = 12.0  # crop pixels; smaller differences are the face's expression
MOUTH = (64.0, 80.0, 20.0, 16.0)  # centre and half axes in the crop, left out of the colour match


class PasteBack:
    """Paste the frames of one clip into its picture; the picture does not move."""

    def __init__(
        self,
        picture_HWC: Bytes,
        matrix_23: Floats | Doubles,
        *,
        long_side: int | None,
        landmarks_LP: Floats | None = None,
    ) -> None:
        """Prepare mask and region, which are the same for all frames.

        Args:
            picture_HWC: uint8 RGB, upright.
            matrix_23: similarity from its pixels to those of the crop, as the face was aligned.
            long_side: most pixels of the longer side of the frames, 64 to 8192; None keeps the
                picture's own size, which must be 8192 at most.
            landmarks_LP: of the face, in crop pixels; they keep collar, hair and background out of
                the mask. None: the mask is an ellipse.

        Raises:
            WrongUse: `long_side` is out of range, or missing for a picture that needs it.
        """
        check_shape(picture_HWC, "H W 3", "picture")
        check_shape(matrix_23, "2 3", "alignment")
        crop_HWC = warp(picture_HWC, np.asarray(matrix_23, np.float64))
        self._still_HWC = crop_HWC.astype(np.float32)
        self._still_low_HWC = _blurred(self._still_HWC, DETAIL_SIGMA)
        self.picture_HWC, to_crop = _resized(
            picture_HWC, np.asarray(matrix_23, np.float64), long_side
        )
        top, left, mask_HW = _mask(self.picture_HWC.shape[:2], to_crop)
        if landmarks_LP is not None:
            mask_HW *= _face_share(landmarks_LP, to_crop, (top, left), mask_HW.shape)
        height, width = mask_HW.shape
        self._region = (slice(top, top + height), slice(left, left + width))
        under_HWC = self.picture_HWC[self._region].astype(np.float32)
        self._mask_HWC = np.repeat(mask_HW[:, :, None], 3, 2)
        self._masked_HWC = self._mask_HWC * under_HWC
        self._rest_HWC = under_HWC - self._masked_HWC
        self._to_crop = to_crop.copy()
        self._to_crop[:, 2] += to_crop[:, :2] @ (left, top)
        self._smooth = 0.5 * np.sqrt(max(scale_of(to_crop) ** 2 - 1, 0.0))  # against aliasing
        self._match_HWC: Floats | None = None

    def paste(self, frames_THWC: Bytes) -> Bytes:
        """Return the frames (T, H', W', 3), uint8 RGB, of the whole picture with the moving face.

        H' and W' are even. The blocks of a clip are given in their order. The colours are matched
        once, by the first 25 frames of the first block, so nothing flickers.

        Args:
            frames_THWC: generated crops, uint8 RGB (T, 128, 128, 3).
        """
        check_shape(frames_THWC, f"T {SIZE} {SIZE} 3", "generated frames")
        pasted_THWC = np.repeat(self.picture_HWC[None], len(frames_THWC), 0)
        if not len(frames_THWC):
            return pasted_THWC
        if self._match_HWC is None:
            self._match_HWC = _colour_match(self._still_HWC, frames_THWC[:MATCH_FRAMES])
        for index, frame_HWC in enumerate(frames_THWC):
            pasted_THWC[index][self._region] = self._pasted_region(frame_HWC)
        return pasted_THWC

    def _pasted_region(self, frame_HWC: Bytes) -> Bytes:
        """Return the pixels of the region: the picture plus the mask times the change.

        In the crop, with the frame's and the still's coarse parts F and S and a share w that is 1
        where they are alike, the new face is F + w (picture - S) + (1 - w) (frame - F).
        """
        assert self._match_HWC is not None
        frame = frame_HWC.astype(np.float32) + self._match_HWC
        change = _blurred(frame, DETAIL_SIGMA) - self._still_low_HWC
        alike = _alike(change)
        face = (1 - alike[:, :, None]) * frame + alike[:, :, None] * change
        added = cv2.multiply(self._in_picture(face, cv2.INTER_CUBIC), self._mask_HWC)
        share = self._in_picture(alike, cv2.INTER_LINEAR)
        kept = cv2.multiply(cv2.merge([share, share, share]), self._masked_HWC)
        pasted = cv2.add(self._rest_HWC, cv2.add(added, kept), dtype=cv2.CV_8U)
        return np.asarray(pasted, np.uint8)

    def _in_picture(self, image: Floats, interpolation: int) -> Floats:
        """Return an image of the crop's pixels in those of the region."""
        if self._smooth > 0:
            image = _blurred(image, self._smooth)
        height, width = self._mask_HWC.shape[:2]
        warped = cv2.warpAffine(
            image,
            self._to_crop,
            (width, height),
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(warped, np.float32)


def _resized(picture_HWC: Bytes, matrix: Doubles, long_side: int | None) -> tuple[Bytes, Doubles]:
    """Return the picture at the size of the frames, with even sides, and its similarity."""
    height, width = picture_HWC.shape[:2]
    longest = max(height, width)
    if long_side is not None and not SHORTEST <= long_side <= LONGEST:
        raise WrongUse(
            f"long side {long_side}: the frames' longer side is {SHORTEST} to {LONGEST} pixels"
        )
    if long_side is None and longest > LONGEST:
        raise WrongUse(
            f"the picture's {width} x {height} pixels are too many for a video; limit its longer "
            f"side to {LONGEST} pixels or fewer (--long-side)"
        )
    to_crop = matrix.copy()
    if long_side is not None and longest > long_side:
        size = [max(2, round(side * long_side / longest)) for side in (width, height)]
        scales = np.array([width / size[0], height / size[1]])
        picture_HWC = np.asarray(cv2.resize(picture_HWC, size, interpolation=cv2.INTER_AREA))
        to_crop[:, 2] += matrix[:, :2] @ ((scales - 1) / 2)  # pixel centres are whole numbers
        to_crop[:, :2] = matrix[:, :2] * scales
    height, width = (side - side % 2 for side in picture_HWC.shape[:2])
    return np.ascontiguousarray(picture_HWC[:height, :width]), to_crop


def _mask(size: tuple[int, ...], to_crop: Doubles) -> tuple[int, int, Floats]:
    """Return top, left and the mask of the region of a picture that changes.

    The mask falls from 1 to 0 between two ellipses of the crop, with no slope at either end.
    """
    height, width = size
    to_picture = cv2.invertAffineTransform(to_crop)
    middle = to_picture[:, :2] @ CENTRE + to_picture[:, 2]
    reach = np.hypot(*(to_picture[:, :2] * OUTER).T)
    left, top = np.clip(np.floor(middle - reach), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(
        np.ceil(middle + reach) + 1, (left + 1, top + 1), (width, height)
    ).astype(int)
    y, x = np.mgrid[top:bottom, left:right]
    crop_x, crop_y = (to_crop[row, 0] * x + to_crop[row, 1] * y + to_crop[row, 2] for row in (0, 1))
    inner, outer = (
        np.hypot((crop_x - CENTRE[0]) / axes[0], (crop_y - CENTRE[1]) / axes[1])
        for axes in (INNER, OUTER)
    )
    share = np.clip((1 - outer) / np.maximum(inner - outer, 1e-9), 0.0, 1.0)
    share[inner <= 1] = 1.0
    return int(top), int(left), (share * share * (3 - 2 * share)).astype(np.float32)


def _face_share(
    landmarks_LP: Floats, to_crop: Doubles, corner: tuple[int, int], size: tuple[int, ...]
) -> Floats:
    """Return 1 within the outline of a face, falling to 0 around it, for a region of the picture.

    Args:
        landmarks_LP: of the face, in crop pixels.
        to_crop: from the picture's pixels to the crop's.
        corner: top and left of the region in the picture.
        size: height and width of the region.
    """
    check_shape(landmarks_LP, f"{LANDMARKS} 2", "landmarks")
    outline = np.asarray(landmarks_LP, np.float64)[: BROWS.stop].copy()
    rise = FOREHEAD * (outline[CHIN, 1] - outline[BROWS, 1].mean())
    outline[BROWS, 1] -= max(rise, 0.0)
    outline[JAW, 1] += CHIN_DROP
    hull = cv2.convexHull(np.rint(outline * FINE).astype(np.int32))
    inside = np.ones((SIZE * FINE, SIZE * FINE), np.uint8)
    cv2.fillConvexPoly(inside, hull, 0)
    away = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5) / FINE
    share = np.clip(1 - (away - MARGIN) / FEATHER, 0.0, 1.0)
    to_fine = FINE * to_crop
    to_fine[:, 2] += to_fine[:, :2] @ (corner[1], corner[0])
    smooth = (share * share * (3 - 2 * share)).astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(smooth, to_fine, size[::-1], flags=flags), np.float32)


def _colour_match(still_HWC: Floats, frames_THWC: Bytes) -> Floats:
    """Return what is added to every frame so that its colours become the still's, (H, W, 3).

    It is the coarse difference of the still and the mean frame, without the mouth, which moves.
    """
    difference = still_HWC - frames_THWC.mean(0, dtype=np.float32)
    y, x = np.mgrid[:SIZE, :SIZE]
    moves = np.hypot((x - MOUTH[0]) / MOUTH[2], (y - MOUTH[1]) / MOUTH[3]) < 1
    weight = np.where(moves, np.float32(0.0), np.float32(1.0))
    total = _blurred(weight, MATCH_SIGMA)[:, :, None]
    match = _blurred(difference * weight[:, :, None], MATCH_SIGMA) / np.maximum(total, 1e-3)
    return np.asarray(match, np.float32)


def _alike(change_HWC: Floats) -> Floats:
    """Return the share (H, W) of the picture's detail that stays: 1 where nothing changes."""
    size = _blurred(np.abs(change_HWC).max(2), ALIKE_SIGMA)
    return np.asarray(np.exp(-((size / ALIKE_LEVELS) ** 2)), np.float32)


def _blurred(image: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
