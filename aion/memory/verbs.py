"""Common verbs of English and Portuguese, and their forms by rule: what somebody or something does or did.

The third person, by which a sentence about the world is known, and in Portuguese the first, in which people tell of
themselves without saying "I". It knows no grammar: whether a form that is also a noun is one is the caller's to see
from what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

# "takes", "reads": hardly ever plural nouns.
_ENGLISH = """
    accept achieve allow appear arrive ask attend bake bear become begin belong borrow break breed bring build
    burn buy call calm carry catch choose clean climb close collect come comprise connect consist consult
    consume contain contribute cook cost create decide deliver depart depend destroy die differ draw dream drive
    dry earn eat employ enable enjoy enter exceed exist expect expire explain face fail fall feed feel fetch
    fill find finish flood fly follow forget freeze gather get give go graze grow guard hang happen hate have
    hear help hide hold host hurt improve include inherit keep kill know lack land last laugh lay lead leak lean
    learn leave lend let lie like listen live look lose love maintain make manage mean meet melt mend mow need
    nest obey occur offer open operate oppose overlook owe own paint pay perch perform play pour prefer prepare
    prevent produce protect provide prune pull put raise react read receive recommend reduce refer refuse
    rehearse reject rely remain remember remove renew rent repair replace represent require rescue respond ride
    ring rise run say see seem sell send separate serve settle sew share shine show shrink sing sink sit sleep
    smell smoke snore sort sow speak spend stand start stay steal stick stop study suffer suit supply support
    surround survive swim switch take talk taste teach tell tend think throw tie train translate travel treat
    trim tune turn understand use visit wait wake walk want warm wash watch water wear weave weigh win wipe work
    worry write yield
"""
_ALSO_NOUNS = """
    ask bear burn buy call calm catch clean climb close cook cost draw dream drink drive drop face fall feed
    fill find flood fly get guard hang hate help host hurt lack land last laugh lead leak lean let lie like look
    love mean need nest offer own paint play pour pull put raise rent repair rescue ride ring rise run say sew
    share shine show sink sleep smell smoke sort stand start stay stick stop study suit supply support surround
    switch talk taste throw tie train travel treat trim tune turn use view visit wait wake walk wash watch water
    win wipe work worry yield
"""
_ENGLISH_PAST = """
    ate became began bought broke brought came caught chose drank drew drove fell flew gave got grew held hung kept
    knew left lent lost made met paid rang rose said sang sat sent slept sold spoke stood swam taught thought threw
    told took went won wore wrote
"""
_PORTUGUESE = """
    abrir acabar aceitar acolher aconselhar afinar aguentar ajudar albergar alimentar almoçar alugar amolar andar
    apagar apanhar aparecer aplicar apontar aprender aproveitar aquecer arranjar arrumar assar assinar atender
    atirar atrair aumentar avariar avisar bater beber bloquear brilhar buscar caber cair cantar carregar chamar
    chegar cheirar chover cobrar cobrir coleccionar colecionar colher colocar comandar começar comer comprar
    conduzir congelar consertar conservar construir contar conter continuar correr cortar coser costumar cozer
    cozinhar crescer criar cuidar cultivar cumprir custar dançar decorrer deitar deixar demorar depender descer
    desenhar dever dirigir distribuir dizer doer dormir durar emprestar encerrar encher encontrar encravar ensaiar
    ensinar entender entrar entregar entupir enviar escolher escrever esperar estudar evitar exigir existir explicar
    falar faltar fazer fechar ferver ficar fornecer fumar funcionar ganhar gastar gerir gostar guardar habitar
    incluir indicar iniciar instalar inundar jantar jogar juntar lavar lembrar levar ligar limpar mandar manter
    medir mexer montar morar morder morrer mostrar mudar nadar nascer nidificar ocorrer ocupar odiar oferecer olhar
    ouvir pagar parar parecer partir passar passear pedir pegar pendurar pensar perder pertencer pesar pescar pingar
    pintar pisar podar poder poisar pousar precisar preferir preparar produzir proteger provar querer ranger
    realizar receber recolher recomendar reformar regar reger regressar remar render reparar reservar residir
    resolver respeitar respirar responder reunir rodar roer romper saber sair seguir sentir separar servir
    significar soar sofrer soltar sonhar subir surgir tapar temer terminar tirar tocar tomar tossir trabalhar tratar
    trazer treinar trocar usar valer vender ver vestir viajar vigiar vir virar visitar viver voar voltar
"""
# These besides, that people tell of themselves and of theirs.
_PORTUGUESE_TOLD = """
    adotar alugar arrendar celebrar combinar conhecer costumar esquecer formar levantar assinar batizar calçar
    cancelar casar comemorar consertar contratar convidar dedicar devolver divorciar encomendar escavar estacionar
    estragar fechar festejar herdar inscrever lançar liderar matricular marcar mandar nascer operar partir plantar
    poupar prometer publicar recusar renovar salvar substituir tatuar traduzir trancar usar votar
"""
_IRREGULAR = """
    diz dizem disse disseram faz fazem fez fizeram traz trazem trouxe trouxeram produz produzem conduz conduzem vem
    vêm veio vieram sai saem saiu saíram cai caem caiu caíram contém contêm mantém mantêm inclui incluem distribui
    distribuem constrói constroem põe põem pôs lê leem leu dá dão deu deram vai vão quer querem sabe sabem pode
    podem vê veem viu viram ouve ouvem odeia odeiam passeia passeiam vale valem coxeia coxeiam semeia semeiam rodeia
    rodeiam bloqueia bloqueiam
"""
# Said of oneself, of another, and the verb, where the ending alone does not tell.
_PORTUGUESE_FIRST = """
    faço faz fazer, fiz fez fazer, fizemos fizeram fazer, digo diz dizer, trago traz trazer, peço pede pedir, perco
    perde perder, ouço ouve ouvir, meço mede medir, venho vem vir, vejo vê ver, vi viu ver, vimos viram ver, leio lê
    ler, li leu ler, lemos leram ler, dou dá dar, dei deu dar, demos deram dar, dormi dormiu dormir, durmo dorme
    dormir, sirvo serve servir, sigo segue seguir, sinto sente sentir, visto veste vestir, saio sai sair, saí saiu
    sair, saímos saíram sair, caí caiu cair, caímos caíram cair, construí construiu construir, trouxe trouxe trazer,
    trouxemos trouxeram trazer, pus pôs pôr, pusemos puseram pôr, ponho põe pôr, pomos põem pôr, vou vai ir, vamos
    vão ir, fui foi ir, fomos foram ir, tenho tem ter, temos têm ter, tive teve ter, tivemos tiveram ter, conduzo
    conduz conduzir, subo sobe subir, cubro cobre cobrir, prefiro prefere preferir
"""
_NEVER_REGULAR = """
    caber cair chover conter crer dar dizer doer fazer ler manter odiar poder pôr querer rir roer saber sair ter
    trazer valer ver vir
"""
_MORE_OFTEN_ELSE = {"para", "nada"}  # "for" and "nothing"
_NEEDS_E = re.compile(  # "bak" was "bake": one short vowel, or an ending that no verb has
    r"^[^aeiou]*[aeiou][^aeiouwxy]$|[vcgzu]$|[^s]s$|[^aeioul]l$|[^aeiour]r$|[^e]at$|ur$|[^aeo]ut$"
)
_ENDINGS = {
    "ar": ("a", "am", "ou", "aram", "ava", "avam"),
    "er": ("e", "em", "eu", "eram", "ia", "iam"),
    "ir": ("e", "em", "iu", "iram", "ia", "iam"),
}


@cache
def english_base(*, clear: bool = False) -> frozenset[str]:
    """What several do: "take"; only forms that are no nouns where it has to be clear."""
    return frozenset(_ENGLISH.split()) - (frozenset(_ALSO_NOUNS.split()) if clear else frozenset())


@cache
def english_third(*, clear: bool) -> frozenset[str]:
    """What one does: "takes"; only forms that are no nouns where it has to be clear."""
    return frozenset(third_person(verb) for verb in english_base(clear=clear))


@cache
def english_past() -> frozenset[str]:
    """What one or several did, where it does not end in "ed"."""
    return frozenset(_ENGLISH_PAST.split())


@cache
def portuguese_third() -> frozenset[str]:
    """What one or several do or did: "afina", "afinam", "afinou"."""
    made = {verb[:-2] + ending for verb in _PORTUGUESE.split() for ending in _ENDINGS[verb[-2:]]}
    return frozenset(made | set(_IRREGULAR.split())) - _MORE_OFTEN_ELSE


@cache
def portuguese_first() -> dict[str, tuple[str, str]]:
    """Of what people say of themselves, the same said of them, and the verb: "comprei" is "comprou", comprar."""
    listed = {verb for _, _, verb in _listed()}
    made = (one for verb in _told() for one in _conjugate(verb, present=verb not in listed))
    found = {first: (third, verb) for first, third, verb in made}
    return found | {first: (third, verb) for first, third, verb in _listed()}


@cache
def portuguese_present() -> dict[str, tuple[str, str]]:
    """Of a verb, what is said of oneself and of another: of comprar "compro" and "compra"."""
    found: dict[str, tuple[str, str]] = {}
    for first, (third, verb) in portuguese_first().items():
        if first.endswith(("o", "ou")):
            found.setdefault(verb, (first, third))
    return found


def _listed() -> list[list[str]]:
    return [line.split() for line in _PORTUGUESE_FIRST.split(",")]


@cache
def portuguese_verb() -> dict[str, str]:
    """Of what one or several do or did, the verb: "começou" is começar."""
    made = {verb[:-2] + ending: verb for verb in _told() for ending in _ENDINGS[verb[-2:]]}
    made |= dict(portuguese_first().values())
    return {third: verb for third, verb in made.items() if third not in _MORE_OFTEN_ELSE}


def _told() -> list[str]:
    """Those that go by the rule in the past; of others the forms are listed."""
    return [verb for verb in (_PORTUGUESE + _PORTUGUESE_TOLD).split() if verb not in _NEVER_REGULAR.split()]


def _conjugate(verb: str, *, present: bool) -> Iterator[tuple[str, str, str]]:
    """What goes by the rule, of "I" in the present and the past, and of "we" where that can only be past."""
    stem, ending = verb[:-2], verb[-2:]
    past = re.sub(r"ç$", "c", re.sub(r"g$", "gu", re.sub(r"c$", "qu", stem))) + "ei" if ending == "ar" else stem + "i"
    yield past, stem + {"ar": "ou", "er": "eu", "ir": "iu"}[ending], verb
    if ending == "ar":
        yield stem + "ámos", stem + "aram", verb
    if not present or (ending == "ir" and re.search(r"[eo][^aeiou]*$", stem)):  # "sentir" is "sinto"
        return
    if ending == "ar":
        stem += "i" * stem.endswith("e")  # "bloquear" is "bloqueio"
        yield stem + "o", stem + "a", verb
    else:
        said = re.sub(r"g$", "j", re.sub(r"c$", "ç", stem))
        yield said + "o", stem + ("i" if stem.endswith("u") else "" if verb.endswith("zir") else "e"), verb


def third_person(verb: str) -> str:
    """ "open" is "opens": what follows one subject."""
    if verb == "have":
        return "has"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ies"
    return verb + ("es" if re.search(r"(?:s|sh|ch|x|z|o)$", verb) else "s")


def base_of(past: str) -> str:
    """ "painted" is "paint", "baked" "bake"; of a common verb the one that there is, of others by rule."""
    if past[:-1] in english_base() or past.endswith("eed"):
        return past[:-1]
    if past.endswith("ied"):
        return past[:-3] + "y"
    body = past[:-2]
    single = body[:-1] if body[-1:] == body[-2:-1] else body
    known = next((one for one in (body, single) if one in english_base()), "")
    if known or single == body:
        return known or body + "e" * bool(_NEEDS_E.search(body))
    return body if body[-1] in "lsfz" else single
