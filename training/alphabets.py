"""Alphabets, output layout and label encodings shared by every training step.

The order of the symbols here is the order of the network's outputs and is written into the
metadata of the exported weights, so the Rust engine never has to guess it.
"""

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
#: Input classes: the twenty standard residues, then X for everything else.
INPUTS = AMINO_ACIDS + "X"

#: DSSP states; the data sets write loop as `C`, the service as `L`.
SS8 = "HGIEBTSL"
SS3 = "HEC"
#: The reduction used by all data sets: H = H G I, E = E B, C = the rest.
SS8_TO_SS3 = {"H": "H", "G": "H", "I": "H", "E": "E", "B": "E", "T": "C", "S": "C", "L": "C"}

#: Relative solvent accessibility: buried <= 10 %, medium <= 40 %, exposed above.
ACC = "BME"
ACC_LIMITS = (0.10, 0.40)

#: Transmembrane classes with training data. The service's alphabet also has `C` (coil inside the
#: membrane) and `X` (unknown); no data set labels the former, and the latter is not a prediction.
TM = "HEILF_"
TM8 = "HECILFX_"

#: Slices of the network's output vector.
OUT_SS8 = slice(0, 8)
OUT_ACC = slice(8, 11)
OUT_RSA = 11
OUT_DIS = 12
OUT_TM = slice(13, 19)
#: Intrinsically disordered (DisProt, NMR), and part of a signal peptide: one logit each. Networks
#: up to 0.2.0 end before these two.
OUT_IDR = 19
OUT_SIG = 20
OUTPUTS = 21
OLD_OUTPUTS = 19

#: Targets that help a network to learn and are dropped at export, with their number of outputs.
EXTRA = {"conservation": 1, "profile": 20}

_INPUT_INDEX = {aa: i for i, aa in enumerate(INPUTS)}


def encode(sequence: str) -> list[int]:
    """Input class of each residue; non-standard letters (B, O, U, Z, J, *) become X."""
    unknown = _INPUT_INDEX["X"]
    return [_INPUT_INDEX.get(aa, unknown) for aa in sequence.upper()]


def bits(alphabet: str, members: str) -> int:
    """Set of allowed classes as a bit mask: bit i stands for `alphabet[i]`. 0 = no label."""
    return sum(1 << alphabet.index(symbol) for symbol in members)


#: SS8 label -> allowed SS8 classes (a single one); `-` is unknown.
SS8_BITS = {s: bits(SS8, s) for s in SS8} | {"C": bits(SS8, "L"), "-": 0}
#: SS3 label -> the SS8 classes it may be: the loss is then the summed probability.
SS3_BITS = {three: bits(SS8, "".join(e for e in SS8 if SS8_TO_SS3[e] == three)) for three in SS3}
#: PDBTM labels: the two sides are non-membrane, U and X unknown.
PDBTM_BITS = {s: bits(TM, s) for s in "HILF"} | {s: bits(TM, "_") for s in "12"} | {"U": 0, "X": 0}
#: TMbed labels: it marks helices and strands only, so any other residue of a membrane protein
#: may be a loop in the membrane, interfacial or inside as well.
TMBED_BITS = (
    {s: bits(TM, "H") for s in "Hh"}
    | {s: bits(TM, "E") for s in "Bb"}
    | {s: bits(TM, "_LFI") for s in "12S"}
    | {"U": 0}
)
