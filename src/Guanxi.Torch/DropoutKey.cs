namespace Guanxi.Torch;

/// <summary>
/// Names a dropout mask: the mask is a pure function of the key, the site and the element's index, so that a resumed run, a
/// recomputed layer and any number of threads draw the same one.
/// </summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Optimizer step, from 0.</param>
/// <param name="MicroBatch">Micro-batch in the step, all ranks counted, from 0.</param>
public readonly record struct DropoutKey(ulong Seed, long Step, int MicroBatch);
