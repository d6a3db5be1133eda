using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>A part of a model: named parameters and named parts, in the order of their registration.</summary>
public abstract class Module : IDisposable
{
    private readonly List<(string Name, Module Part)> _parts = [];
    private readonly List<(string Name, Parameter Parameter)> _parameters = [];

    /// <summary>Parts held directly, by their name in a checkpoint.</summary>
    public IReadOnlyList<(string Name, Module Part)> Parts => _parts;

    /// <summary>Parameters held directly, by their name in a checkpoint.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters => _parameters;

    /// <summary>Every part below this one with its path, this one first with the path given.</summary>
    /// <param name="path">Path of this module; empty for the whole model.</param>
    /// <returns>Paths joined by dots, as checkpoints spell them.</returns>
    public IEnumerable<(string Path, Module Part)> NamedModules(string path)
    {
        yield return (path, this);
        foreach (var (name, part) in _parts)
        {
            foreach (var inner in part.NamedModules(Join(path, name)))
            {
                yield return inner;
            }
        }
    }

    /// <summary>Every parameter of this module and its parts.</summary>
    /// <returns>Full names as checkpoints spell them, in the order of registration.</returns>
    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters()
    {
        foreach (var (path, part) in NamedModules(string.Empty))
        {
            foreach (var (name, parameter) in part._parameters)
            {
                yield return (Join(path, name), parameter);
            }
        }
    }

    /// <summary>Releases the parameters of this module and its parts.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the module holds.</summary>
    /// <param name="disposing">True when called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        foreach (var (_, part) in _parts)
        {
            part.Dispose();
        }

        foreach (var (_, parameter) in _parameters)
        {
            parameter.Dispose();
        }
    }

    /// <summary>Names a part.</summary>
    /// <typeparam name="TModule">Kind of the part.</typeparam>
    /// <param name="name">Its name in a checkpoint; may hold dots.</param>
    /// <param name="part">The part; this module disposes it.</param>
    /// <returns><paramref name="part"/>.</returns>
    protected TModule Register<TModule>(string name, TModule part)
        where TModule : Module
    {
        _parts.Add((name, part));
        return part;
    }

    /// <summary>Names a parameter.</summary>
    /// <param name="name">Its name in a checkpoint.</param>
    /// <param name="parameter">The parameter; this module disposes it.</param>
    /// <returns><paramref name="parameter"/>.</returns>
    protected Parameter Register(string name, Parameter parameter)
    {
        _parameters.Add((name, parameter));
        return parameter;
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
