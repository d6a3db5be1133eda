#compdef guanxi
# Completion for zsh. Load it, after compinit, with:  source <(./guanxi completion zsh)
# The program says at every press of the key what fits, from the definitions of its verbs; where nothing does, zsh offers files.

_guanxi() {
    local -a fitting
    local program=${words[1]/#\~/$HOME} line="guanxi ${(j: :)words[2,CURRENT]}"
    fitting=(${(f)"$("$program" "[suggest:${#line}]" "$line" 2>/dev/null </dev/null)"})
    [[ $PREFIX == -* ]] || fitting=(${fitting:#[-/]*})
    compadd -a fitting || _files
}

if [[ ${funcstack[1]:-} == _guanxi ]]; then
    _guanxi "$@"
else
    compdef _guanxi guanxi
fi
