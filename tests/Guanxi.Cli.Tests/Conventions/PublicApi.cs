using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>What a library offers to programs: its public types with their members, a line each, sorted.</summary>
internal static class PublicApi
{
    private const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext s_nullability = new();

    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(void)] = "void", [typeof(bool)] = "bool", [typeof(byte)] = "byte", [typeof(char)] = "char", [typeof(int)] = "int", [typeof(uint)] = "uint",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float", [typeof(double)] = "double", [typeof(string)] = "string",
        [typeof(object)] = "object", [typeof(short)] = "short", [typeof(ushort)] = "ushort",
    };

    /// <summary>Lists an assembly.</summary>
    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{KindOf(type)} {type.Namespace}.{Name(type)}{Bases(type)}\n");
            foreach (var line in Members(type).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"    {line}\n");
            }
        }

        return text.ToString();
    }

    private static string KindOf(Type type) => type switch
    {
        { IsInterface: true } => "interface",
        { IsEnum: true } => "enum",
        { IsValueType: true } => "struct",
        { IsAbstract: true, IsSealed: true } => "static class",
        { IsAbstract: true } => "abstract class",
        { IsSealed: false } => "open class",
        _ => "class",
    };

    private static string Bases(Type type)
    {
        IEnumerable<Type> bases = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum) ? [parent] : [];
        string[] names =
        [
            .. bases.Concat(type.GetInterfaces().Where(item => item.IsPublic && !IsMade(type, item))).Select(Name).Order(StringComparer.Ordinal),
        ];
        return names.Length == 0 ? string.Empty : $" : {string.Join(", ", names)}";
    }

    // A record is equatable to itself; an enum formats and compares.
    private static bool IsMade(Type type, Type item) =>
        type.IsEnum || (item.IsGenericType && item.GetGenericTypeDefinition() == typeof(IEquatable<>) && item.GenericTypeArguments[0] == type);

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}");
        }

        var constructors = type.GetConstructors().Where(IsWritten).Select(item => $"new({Parameters(item)})");
        var methods = type.GetMethods(Own).Where(IsWritten)
            .Select(item => $"{Static(item)}{Name(item.ReturnType)}{Mark(item.ReturnParameter)} {item.Name}{Generics(item)}({Parameters(item)})");
        var properties = type.GetProperties(Own).Where(item => item.Name != "EqualityContract")
            .Select(item => $"{Static(item.GetAccessors()[0])}{Name(item.PropertyType)}{Mark(item)} {item.Name} {{ {Accessors(item)}}}");
        var fields = type.GetFields(Own).Select(item => $"{(item.IsLiteral ? "const" : "field")} {Name(item.FieldType)} {item.Name}");
        var events = type.GetEvents(Own).Select(item => $"event {Name(item.EventHandlerType!)} {item.Name}");
        return constructors.Concat(methods).Concat(properties).Concat(fields).Concat(events);
    }

    // What the compiler adds to records, and accessors, say nothing of their own.
    private static bool IsWritten(MethodBase method) =>
        !method.IsDefined(typeof(CompilerGeneratedAttribute)) && !method.Name.StartsWith("get_", StringComparison.Ordinal) && !method.Name.StartsWith("set_", StringComparison.Ordinal)
        && method.Name is not ("Equals" or "GetHashCode" or "ToString" or "Deconstruct" or "<Clone>$");

    private static string Static(MethodInfo method) => method.IsStatic ? "static " : method.IsAbstract && !method.DeclaringType!.IsInterface ? "abstract " : string.Empty;

    private static string Accessors(PropertyInfo property)
    {
        var set = property.SetMethod is { IsPublic: true } method
            ? method.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; "
            : string.Empty;
        return (property.GetMethod is { IsPublic: true } ? "get; " : string.Empty) + set;
    }

    private static string Generics(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : string.Empty;

    private static string Parameters(MethodBase method) => string.Join(
        ", ", method.GetParameters().Select(item => $"{(item.IsOut ? "out " : string.Empty)}{Name(item.ParameterType)}{Mark(item)} {item.Name}{(item.IsOptional ? " = ..." : string.Empty)}"));

    private static string Mark(ParameterInfo parameter) => parameter.ParameterType.IsValueType ? string.Empty : Mark(s_nullability.Create(parameter));

    private static string Mark(PropertyInfo property) => property.PropertyType.IsValueType ? string.Empty : Mark(s_nullability.Create(property));

    private static string Mark(NullabilityInfo found) => found.ReadState == NullabilityState.Nullable || found.WriteState == NullabilityState.Nullable ? "?" : string.Empty;

    private static string Name(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return $"{Name(value)}?";
        }

        if (type.IsByRef)
        {
            return Name(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!)}[]";
        }

        if (s_keywords.TryGetValue(type, out var keyword))
        {
            return keyword;
        }

        var name = type.Name.Split('`')[0];
        var outer = type is { IsNested: true, IsGenericParameter: false } ? $"{Name(type.DeclaringType!)}." : string.Empty;
        return outer + (type.IsGenericType ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name);
    }
}
