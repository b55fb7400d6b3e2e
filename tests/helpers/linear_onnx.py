"""Write tiny ONNX models whose outputs can be computed by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_linear(
    path: Path,
    weights_CK: np.ndarray,
    *,
    shape: Sequence[int | str] = (1, 3, 8, 8),
    softmax: bool = False,
    inputs: int = 1,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write a model that maps the mean of each channel (C) to K numbers.

    Args:
        path: the file.
        weights_CK: of the map.
        shape: of the input, NCHW or NHWC; the axis of length C is that of the channels.
        softmax: whether the numbers are made probabilities.
        inputs: more than one are unused.
        kind: of the input's numbers.
    """
    channels = len(weights_CK)
    axis = 1 if shape[1] == channels else 3
    pixels = [2, 3] if axis == 1 else [1, 2]
    nodes = [
        helper.make_node("Cast", ["image0"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "pixels"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["shares"], axis=-1))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(f"image{n}", kind, list(shape)) for n in range(inputs)],
        [helper.make_tensor_value_info("shares" if softmax else "logits", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weights_CK.astype(np.float32), "weights"),
            numpy_helper.from_array(np.array(pixels, np.int64), "pixels"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path
