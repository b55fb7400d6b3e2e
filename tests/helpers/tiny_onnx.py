"""Write tiny ONNX models of pictures."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write_pooling_model(path: Path, shape: Sequence[int | str], *, kernel: int = 28) -> Path:
    """Write a model whose numbers are the means of a picture's squares of `kernel` pixels.

    `shape` is that of its input: NCHW, or NHWC where the last axis is 1 or 3. They come channel by
    channel, row by row.
    """
    pooled = "picture"
    nodes = []
    if shape[3] in (1, 3):
        nodes.append(helper.make_node("Transpose", ["picture"], ["planes"], perm=[0, 3, 1, 2]))
        pooled = "planes"
    nodes += [
        helper.make_node(
            "AveragePool", [pooled], ["means"], kernel_shape=[kernel] * 2, strides=[kernel] * 2
        ),
        helper.make_node("Flatten", ["means"], ["numbers"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [1, "D"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
