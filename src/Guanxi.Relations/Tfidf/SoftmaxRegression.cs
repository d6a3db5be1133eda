namespace Guanxi.Relations.Tfidf;

/// <summary>One step of the fit.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Loss">Mean cross-entropy of the rows before the step, without the penalty.</param>
/// <param name="GradientNorm">Length of the gradient of loss and penalty before the step, over the number of rows.</param>
/// <param name="StepLength">How far the step went along its direction.</param>
internal sealed record FitStep(int Step, double Loss, double GradientNorm, double StepLength);

/// <summary>Multinomial logistic regression with a penalty on the squares of the weights, fitted by L-BFGS.</summary>
/// <remarks>
/// L-BFGS: Liu and Nocedal 1989, https://doi.org/10.1007/BF01589116. From zero every gradient, direction and weight is a combination of the rows
/// (W = XᵀA), so all of them are kept as A, a number a row and class, beside their scores X W: products of weights are sums over rows, trying a step
/// length along a direction costs no look at the features, and there may be many more features than memory for ten copies of the weights.
/// Nothing is drawn at random, and sums have one order, so the same rows give the same weights.
/// </remarks>
internal sealed class SoftmaxRegression
{
    private const int Memory = 12;
    private const int MostSteps = 400;
    private const int MostTries = 30;
    private const double SufficientDecrease = 1e-4;

    // Relative to the first gradient: below it the labels of rows do not change any more.
    private const double Tolerance = 1e-3;

    private readonly IReadOnlyList<SparseRow> _rows;
    private readonly int[] _classes;
    private readonly double[] _rowWeights;
    private readonly int _classCount;
    private readonly ClassWeights _weights;
    private readonly double _penalty;

    private SoftmaxRegression(IReadOnlyList<SparseRow> rows, int[] classes, RegressionShape shape)
    {
        (_rows, _classes, _classCount, _penalty) = (rows, classes, shape.Classes, 1 / shape.Cost);
        _weights = new ClassWeights(shape.Features, shape.Classes);
        _rowWeights = Weights(classes, shape);
    }

    /// <summary>Fits the weights.</summary>
    /// <param name="rows">Features of every row.</param>
    /// <param name="classes">Class of every row.</param>
    /// <param name="shape">Sizes and penalty.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="stop">Ends the fit between two steps.</param>
    /// <returns>The weights.</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ClassWeights Fit(IReadOnlyList<SparseRow> rows, int[] classes, RegressionShape shape, Action<FitStep> progress, CancellationToken stop)
    {
        var fit = new SoftmaxRegression(rows, classes, shape);
        fit.Combine(fit.Descend(progress, stop).Rows);
        return fit._weights;
    }

    /// <summary>Turns scores into probabilities.</summary>
    /// <param name="scores">Scores; probabilities afterwards.</param>
    /// <returns>Logarithm of the sum of the scores' exponentials.</returns>
    public static double Softmax(Span<double> scores)
    {
        var most = double.NegativeInfinity;
        foreach (var score in scores)
        {
            most = Math.Max(most, score);
        }

        var sum = 0.0;
        foreach (ref var score in scores)
        {
            score = Math.Exp(score - most);
            sum += score;
        }

        foreach (ref var score in scores)
        {
            score /= sum;
        }

        return most + Math.Log(sum);
    }

    private static double[] Weights(int[] classes, RegressionShape shape)
    {
        var counts = classes.CountBy(label => label).ToDictionary();
        var balanced = classes.Select(label => Math.Pow(classes.Length / ((double)counts.Count * counts[label]), shape.ClassBalance)).ToArray();
        var mean = balanced.Average();
        return [.. balanced.Select(weight => weight / mean)];
    }

    private Combination Descend(Action<FitStep> progress, CancellationToken stop)
    {
        var at = new Combination(new double[_rows.Count * _classCount], new double[_rows.Count * _classCount]);
        var history = new LinkedList<(Combination Step, Combination Change, double Product)>();
        var (loss, gradient) = (Loss(at.Scores), Gradient(at));
        var first = gradient.Length;
        for (var step = 1; step <= MostSteps && gradient.Length > Tolerance * first; step++)
        {
            stop.ThrowIfCancellationRequested();
            var direction = Direction(gradient, history);
            var length = StepLength(at, direction, gradient, step == 1 ? 1 / gradient.Length : 1);
            progress(new FitStep(step, loss, gradient.Length / _rows.Count, length));
            if (length == 0)
            {
                break;
            }

            var move = direction.Times(length);
            at = at.Plus(move, 1);
            var next = Gradient(at);
            var change = next.Plus(gradient, -1);
            if (change.Dot(move) is > 0 and var product)
            {
                history.AddLast((move, change, product));
                if (history.Count > Memory)
                {
                    history.RemoveFirst();
                }
            }

            (loss, gradient) = (Loss(at.Scores), next);
        }

        return at;
    }

    private static Combination Direction(Combination gradient, LinkedList<(Combination Step, Combination Change, double Product)> history)
    {
        var direction = gradient.Times(-1);
        var shares = new Stack<double>();
        for (var pair = history.Last; pair is not null; pair = pair.Previous)
        {
            var share = pair.Value.Step.Dot(direction) / pair.Value.Product;
            shares.Push(share);
            direction = direction.Plus(pair.Value.Change, -share);
        }

        if (history.Last is { Value: var newest })
        {
            direction = direction.Times(newest.Product / newest.Change.Dot(newest.Change));
        }

        for (var pair = history.First; pair is not null; pair = pair.Next)
        {
            direction = direction.Plus(pair.Value.Step, shares.Pop() - (pair.Value.Change.Dot(direction) / pair.Value.Product));
        }

        return direction;
    }

    /// <summary>Armijo's rule; 0 when no length is short enough, which is where rounding ends the fit.</summary>
    private double StepLength(Combination at, Combination direction, Combination gradient, double length)
    {
        var (slope, before) = (direction.Dot(gradient), Objective(at));
        for (var tries = 0; tries < MostTries; tries++, length /= 2)
        {
            if (Objective(at.Plus(direction, length)) <= before + (SufficientDecrease * length * slope))
            {
                return length;
            }
        }

        return 0;
    }

    private double Objective(Combination at) => (Loss(at.Scores) * _rows.Count) + (_penalty / 2 * at.Dot(at));

    private double Loss(double[] scores)
    {
        var sum = 0.0;
        Span<double> row = stackalloc double[_classCount];
        for (var i = 0; i < _rows.Count; i++)
        {
            var of = scores.AsSpan(i * _classCount, _classCount);
            of.CopyTo(row);
            sum += _rowWeights[i] * (Softmax(row) - of[_classes[i]]);
        }

        return sum / _rows.Count;
    }

    private Combination Gradient(Combination at)
    {
        var errors = (double[])at.Scores.Clone();
        for (var i = 0; i < _rows.Count; i++)
        {
            var row = errors.AsSpan(i * _classCount, _classCount);
            Softmax(row);
            row[_classes[i]] -= 1;
            foreach (ref var error in row)
            {
                error *= _rowWeights[i];
            }
        }

        return new Combination(errors, ScoresOf(errors)).Plus(at, _penalty);
    }

    /// <summary>X Xᵀ A.</summary>
    private double[] ScoresOf(double[] combination)
    {
        Combine(combination);
        var scores = new double[combination.Length];
        for (var i = 0; i < _rows.Count; i++)
        {
            _weights.Score(_rows[i], scores.AsSpan(i * _classCount, _classCount));
        }

        return scores;
    }

    /// <summary>W = XᵀA.</summary>
    private void Combine(double[] combination)
    {
        _weights.Clear();
        for (var i = 0; i < _rows.Count; i++)
        {
            _weights.Add(_rows[i], combination.AsSpan(i * _classCount, _classCount));
        }
    }

    /// <summary>Weights as a combination of rows, with the scores that they give.</summary>
    private sealed record Combination(double[] Rows, double[] Scores)
    {
        public double Length => Math.Sqrt(Math.Max(0, Dot(this)));

        public double Dot(Combination other)
        {
            var sum = 0.0;
            for (var i = 0; i < Rows.Length; i++)
            {
                sum += Rows[i] * other.Scores[i];
            }

            return sum;
        }

        public Combination Times(double factor) => new([.. Rows.Select(value => value * factor)], [.. Scores.Select(value => value * factor)]);

        public Combination Plus(Combination other, double factor) => new(Sum(Rows, other.Rows, factor), Sum(Scores, other.Scores, factor));

        private static double[] Sum(double[] left, double[] right, double factor)
        {
            var sum = new double[left.Length];
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] = left[i] + (right[i] * factor);
            }

            return sum;
        }
    }
}

/// <summary>Sizes and penalty of a regression.</summary>
/// <param name="Features">Number of features.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Cost">Weight of the rows' losses against half the squared weights, what liblinear and scikit-learn call C.</param>
/// <param name="ClassBalance">0: all rows count alike; 1: all classes do; between: between.</param>
internal sealed record RegressionShape(int Features, int Classes, double Cost, double ClassBalance);
