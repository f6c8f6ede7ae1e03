"""Writes a Llama of random weights as GGUF: one layer, a vocabulary of one token per byte, below 100 KB. It knows nothing; it only likes to open
and close objects, lists and texts, so that what a grammar lets it write comes to an end. Usage: tiny_gguf.py FILE SEED
"""

import sys

import gguf
import numpy

VOCABULARY = 3 + 256
WIDTH, HEADS, LAYERS, INNER = 32, 2, 1, 64
CONTEXT = 131072
# The first channel is the same for every token: what the output weighs it with is a preference.
STEADY, PREFERENCE = 2.0, {'"': 2.0, "]": 2.0, "{": 2.0, "}": 2.0, ",": 1.5}

path, seed = sys.argv[1], int(sys.argv[2])
random = numpy.random.default_rng(seed)
writer = gguf.GGUFWriter(path, "llama")
writer.add_name("random-weights")
writer.add_context_length(CONTEXT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(VOCABULARY)
writer.add_tokenizer_model("llama")
writer.add_token_list([b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)])
writer.add_token_scores([0.0] * VOCABULARY)
kinds = gguf.TokenType
writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256)
writer.add_unk_token_id(0)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)


def weights(*shape):
    return random.normal(0, shape[-1] ** -0.5, shape).astype(numpy.float32)


embedding = random.normal(0, 1, (VOCABULARY, WIDTH)).astype(numpy.float32)
embedding[:, 0] = STEADY
output = weights(VOCABULARY, WIDTH)
output[:, 0] = 0
for character, preference in PREFERENCE.items():
    output[3 + ord(character), 0] = preference
writer.add_tensor("token_embd.weight", embedding)
writer.add_tensor("output.weight", output)
writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, numpy.float32))
for layer in range(LAYERS):
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", numpy.ones(WIDTH, numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", weights(WIDTH, WIDTH))
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", weights(INNER, WIDTH))
    writer.add_tensor(f"blk.{layer}.ffn_down.weight", weights(WIDTH, INNER))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
