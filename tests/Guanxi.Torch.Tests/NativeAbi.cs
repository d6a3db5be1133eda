using System.Text.RegularExpressions;

namespace Guanxi.Torch.Tests;

/// <summary>
/// Reads signatures from the C header and from the C# imports and compares them. A type is reduced to what the calling convention sees:
/// <c>int32</c>, <c>int64</c>, <c>uint8</c>, <c>double</c>, <c>float</c>, <c>void</c>, <c>pointer</c> (to anything),
/// <c>pointer to X</c>, or <c>callback R(P, ...)</c>. Text is read instead of metadata because the marshaller rewrites imports when it compiles them.
/// </summary>
internal static partial class NativeAbi
{
    /// <summary>A function: what it returns, then its parameters.</summary>
    internal sealed record Signature(string Name, string Returns, IReadOnlyList<string> Parameters);

    /// <summary>The functions that a header marks with <c>GX_API</c>.</summary>
    public static List<Signature> ReadHeader(string header)
    {
        var text = CommentPattern().Replace(header, " ");
        var callbacks = CallbackPattern().Matches(text).ToDictionary(
            match => match.Groups["name"].Value,
            match => Callback(HeaderType(match.Groups["returns"].Value, []), HeaderParameters(match.Groups["parameters"].Value, [])));
        return [.. HeaderFunctionPattern().Matches(text).Select(match => new Signature(
            match.Groups["name"].Value,
            HeaderType(match.Groups["returns"].Value, callbacks),
            HeaderParameters(match.Groups["parameters"].Value, callbacks)))];
    }

    /// <summary>The methods named <c>gx_...</c> that a C# source file imports.</summary>
    public static List<Signature> ReadImports(string source)
    {
        return [.. ImportPattern().Matches(source).Select(match => new Signature(
            match.Groups["name"].Value,
            ImportType(match.Groups["returns"].Value),
            SplitParameters(match.Groups["parameters"].Value, ImportParameter)))];
    }

    /// <summary>Everything in which the two differ, one sentence each.</summary>
    public static List<string> Differences(IReadOnlyList<Signature> header, IReadOnlyList<Signature> imports)
    {
        var found = new List<string>();
        var byName = imports.ToLookup(import => import.Name);
        found.AddRange(imports.Select(import => import.Name).Except(header.Select(function => function.Name))
            .Select(name => $"{name} is imported, but the header has no such function"));
        found.AddRange(byName.Where(group => group.Count() > 1).Select(group => $"{group.Key} is imported {group.Count()} times"));
        foreach (var function in header)
        {
            if (byName[function.Name].FirstOrDefault() is not { } import)
            {
                found.Add($"{function.Name} is in the header, but not imported");
                continue;
            }

            found.AddRange(Compare(function, import));
        }

        return found;
    }

    private static IEnumerable<string> Compare(Signature function, Signature import)
    {
        if (!Agree(function.Returns, import.Returns))
        {
            yield return $"{function.Name} returns {function.Returns} in the header and {import.Returns} in C#";
        }

        if (function.Parameters.Count != import.Parameters.Count)
        {
            yield return $"{function.Name} has {function.Parameters.Count} parameters in the header and {import.Parameters.Count} in C#";
            yield break;
        }

        for (var i = 0; i < function.Parameters.Count; i++)
        {
            if (!Agree(function.Parameters[i], import.Parameters[i]))
            {
                yield return $"{function.Name}, parameter {i + 1}: {function.Parameters[i]} in the header and {import.Parameters[i]} in C#";
            }
        }
    }

    // A void* and a handle say nothing of what they point to; where both sides say it, a wrong size would overwrite a neighbour.
    private static bool Agree(string left, string right)
    {
        const string Pointer = "pointer";
        return left == right
            || (left == Pointer && right.StartsWith(Pointer, StringComparison.Ordinal))
            || (right == Pointer && left.StartsWith(Pointer, StringComparison.Ordinal));
    }

    private static List<string> HeaderParameters(string text, Dictionary<string, string> callbacks) =>
        text.Trim() == "void" ? [] : SplitParameters(text, parameter =>
        {
            // The name is the last word; the stars before it belong to the type.
            var withoutName = TrailingNamePattern().Replace(parameter.Trim(), string.Empty);
            return HeaderType(withoutName, callbacks);
        });

    private static string HeaderType(string text, Dictionary<string, string> callbacks)
    {
        var type = QualifierPattern().Replace(text, " ").Trim();
        if (type.EndsWith('*'))
        {
            var inner = HeaderType(type[..^1], callbacks);
            return inner switch
            {
                "void" => "pointer",
                _ when inner.StartsWith("pointer", StringComparison.Ordinal) => "pointer to pointer",
                _ => $"pointer to {inner}",
            };
        }

        return type switch
        {
            "int32_t" => "int32",
            "int64_t" => "int64",
            "uint8_t" or "char" => "uint8",
            "double" or "float" or "void" => type,
            _ when callbacks.TryGetValue(type, out var callback) => callback,
            _ when type.StartsWith("gx_", StringComparison.Ordinal) => "Native" + PascalCase(type[3..]),
            _ => $"unknown '{type}'",
        };
    }

    private static string ImportParameter(string text)
    {
        var parameter = AttributePattern().Replace(text.Trim(), string.Empty);
        var withoutName = TrailingNamePattern().Replace(parameter, string.Empty).Trim();
        var byReference = ReferencePattern().Match(withoutName);
        if (!byReference.Success)
        {
            return ImportType(withoutName);
        }

        var inner = ImportType(withoutName[byReference.Length..]);
        return inner.StartsWith("pointer", StringComparison.Ordinal) ? "pointer to pointer" : $"pointer to {inner}";
    }

    private static string ImportType(string text)
    {
        var type = text.Trim();
        if (FunctionPointerPattern().Match(type) is { Success: true } pointer)
        {
            var types = SplitParameters(pointer.Groups["types"].Value, ImportType);
            return Callback(types[^1], types[..^1]);
        }

        if (type.EndsWith('*'))
        {
            var inner = ImportType(type[..^1]);
            return inner switch
            {
                "void" => "pointer",
                _ when inner.StartsWith("pointer", StringComparison.Ordinal) => "pointer to pointer",
                _ => $"pointer to {inner}",
            };
        }

        return type switch
        {
            "int" => "int32",
            "long" => "int64",
            "byte" => "uint8",
            "double" or "float" or "void" => type,
            "nint" => "pointer",
            _ when type.EndsWith("Handle", StringComparison.Ordinal) => "pointer",
            _ when type.StartsWith("Native", StringComparison.Ordinal) => type,
            _ => $"unknown '{type}'",
        };
    }

    private static string Callback(string returns, IReadOnlyList<string> parameters) => $"callback {returns}({string.Join(", ", parameters)})";

    private static List<string> SplitParameters(string text, Func<string, string> read)
    {
        var parts = new List<string>();
        var depth = 0;
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                parts.Add(text[start..i]);
                start = i + 1;
                continue;
            }

            depth += text[i] is '<' or '[' or '(' ? 1 : text[i] is '>' or ']' or ')' ? -1 : 0;
        }

        return [.. parts.Where(part => !string.IsNullOrWhiteSpace(part)).Select(read)];
    }

    /// <summary>snake_case as C# spells it.</summary>
    internal static string PascalCase(string name) =>
        string.Concat(name.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..].ToLowerInvariant()));

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", RegexOptions.Singleline | RegexOptions.Multiline)]
    internal static partial Regex CommentPattern();

    [GeneratedRegex(@"GX_API\s+(?<returns>[\w\s\*]+?)\s*\b(?<name>gx_\w+)\s*\((?<parameters>[^)]*)\)\s*;")]
    private static partial Regex HeaderFunctionPattern();

    [GeneratedRegex(@"typedef\s+(?<returns>[\w\s\*]+?)\s*\(\s*\*\s*(?<name>\w+)\s*\)\s*\((?<parameters>[^)]*)\)\s*;")]
    private static partial Regex CallbackPattern();

    [GeneratedRegex(@"\[LibraryImport\([^\]]*\)\]\s*(?:\[[^\]]*\]\s*)*(?:internal|private|public)\s+static\s+(?:unsafe\s+)?partial\s+(?<returns>[\w\*]+)\s+(?<name>gx_\w+)\s*\((?<parameters>[^;]*?)\)\s*;")]
    private static partial Regex ImportPattern();

    [GeneratedRegex(@"^delegate\*\s*unmanaged(?:\[\w+\])?<(?<types>.*)>$", RegexOptions.Singleline)]
    private static partial Regex FunctionPointerPattern();

    [GeneratedRegex(@"\b\w+$")]
    private static partial Regex TrailingNamePattern();

    [GeneratedRegex(@"\b(?:const|struct|enum)\b")]
    private static partial Regex QualifierPattern();

    [GeneratedRegex(@"^(?:\[[^\]]*\]\s*)+")]
    private static partial Regex AttributePattern();

    [GeneratedRegex(@"^(?:out|ref|in)\s+")]
    private static partial Regex ReferencePattern();
}
