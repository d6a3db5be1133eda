using Guanxi.Relations.Tfidf;

namespace Guanxi.Relations.Encoders;

/// <summary>The linear baseline beside a network: a fixed share of every answer is its own.</summary>
/// <param name="Model">The baseline, with the network's labels.</param>
/// <param name="Share">Its share, above 0 and below 1.</param>
internal sealed record LinearPart(TfidfModel Model, double Share)
{
    /// <summary>The mean of what network and baseline say of a row, weighted by their shares.</summary>
    /// <param name="network">The network's probabilities.</param>
    /// <param name="example">The row.</param>
    /// <returns>Probabilities; they sum to 1.</returns>
    public double[] Join(double[] network, RelationExample example)
    {
        var linear = Model.Classify([example])[0].Prediction!.Probabilities;
        return [.. network.Zip(linear, (own, other) => ((1 - Share) * own) + (Share * other))];
    }
}
