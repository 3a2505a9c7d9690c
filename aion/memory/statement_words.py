"""The English and Portuguese words by which `statements` tells statements from the rest. Patterns alone.

All are matched against lower case.
"""

from __future__ import annotations

import re

from aion.memory.verbs import english_base, english_past, english_third, portuguese_first, portuguese_third


def _any(*patterns: str) -> str:
    return "(?:" + "|".join(patterns) + ")"


_FIRST_PERSON_VERB = (
    r"(?:não |nunca |já )?(?:me )?(?:sou|estou|tenho|moro|vivo|trabalho|prefiro|gosto|adoro|detesto|odeio|"
    r"estudo|nasci|cresci|uso|peso|"
    r"faço|vou|"
    r"fui|comprei|vendi|mudei|casei|comecei|acabei|perdi|ganhei|ando|dou|aceitei|deixei|pago|devo|como|bebo|"
    r"posso|consigo|chamo-me|mudei-me|conheço|conheci|nasceu-me|estive|comi|li|vi|vejo|suporto|canto|toco|"
    r"jogo|durmo|ganho|"
    r"somos|temos|moramos|vivemos|trabalhamos|usamos|fomos|mudámo|mudamos)\b"
)
# The same of any verb, where a sentence begins; not of what is said about a talk, "Pedi uma lista", nor of forms that
# are nouns, too, "Conto infantil".
_OF_A_TALK = """
    aconselhar acreditar aproveitar continuar dar decidir depender dever dizer entender escrever esperar
    explicar imaginar ir juntar lembrar olhar parecer pedir pensar precisar querer recomendar responder
    significar ver
"""
_NOUNS_TOO = """
    acordo apoio aumento aviso canto caso cobro comando combino como começo conserto conto desenho
    encontro ensaio fumo furo ganho gasto gosto jogo junto lanço marco mudo parto passeio passo peso pesco pinto
    planto preparo regresso rego remo reparo respiro seco sonho tiro toco trabalho trato treino troco uso vendo
    visto vivo voo voto
"""
_ANY_FIRST_PERSON_VERB = (
    "^(?:não |nunca |já )?(?:me )?(?:"
    + "|".join(
        sorted(
            first
            for first, (_, verb) in portuguese_first().items()
            if verb not in _OF_A_TALK.split() and first not in _NOUNS_TOO.split()
        )
    )
    + ")(?:-(?:me|nos))?(?= )(?! (?:d[eao]s?|que|isto|isso|est[ea]s?|ess[ea]s?|e|ou|é|são|foi|era|está)\\b)"
)
# What may lead in. To judge a sentence, it is passed over wherever it stands.
OPENING = re.compile(
    _any(
        r"(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|night))(?: (?:there|aion|again|everyone))?\b",
        r"(?:please|pls|ok(?:ay)?|so|now|then|well|and|but|also|oh|ah|hmm+|anyway|actually|yes|yeah|yep|no|nope|"
        r"btw)\b",
        r"(?:by the way|for context|thanks?(?: you)?(?: (?:a lot|so much|very much))?|sorry)\b",
        r"(?:olá|ola|oi|bom dia|boa tarde|boa noite|viva)\b",
        r"(?:por favor|se faz favor|então|agora|bem|ah|pois|sim|não,|nao,|e|mas|também|aliás|já agora|"
        r"a propósito)(?=[ ,])",
        r"(?:(?:muito )?obrigad[oa]|desculp[ae]|ora)\b",
    )
)
# To take it from what is learned, it must be set off, or "No dogs are allowed" loses its meaning and "Well Street"
# half its name. "now" goes only before a comma: elsewhere it says that something has changed. Before a Portuguese verb
# it goes all the same: what a person does can be said back only where the verb comes first.
_SET_OFF = r"(?=\s*(?:[,:;!.\u2013\u2014]|-\s))"
_SAID_BY_ONE = r"(?= (?:i\b|my |our |we\b|eu |o meu |a minha |os meus |as minhas |sou |chamo-me ))"
_BEFORE_MINE = r"(?= (?:i\b|my |our |we\b|the |it |he |she |they |there |this ))"
LEAD = re.compile(
    _any(
        r"(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|night)|olá|oi|bom dia|boa tarde|boa noite)"
        r"(?: (?:there|aion|again|everyone|a todos))?(?=[ ,:;!.])",
        rf"(?:viva|ola)(?:{_SET_OFF}|{_SAID_BY_ONE})",
        rf"(?:so|then|well|yes|no)(?:{_SET_OFF}|{_BEFORE_MINE})",
        rf"(?:now|agora|bem|ora|não|nao|sorry|thanks){_SET_OFF}|agora(?= {_FIRST_PERSON_VERB})",
        rf"(?:então|sim|pois)(?:{_SET_OFF}|{_SAID_BY_ONE}|(?= [oa]s? ))",
        r"(?:please|pls|ok(?:ay)?|and|but|also|oh|ah|hmm+|anyway|actually|yeah|yep|nope|btw)(?=[ ,])",
        r"(?:by the way|for context|thanks?(?: you)?(?: (?:a lot|so much|very much))?)\b(?! (?:to|for|giving)\b)",
        r"(?:por favor|se faz favor|e|mas|também|aliás|já agora|a propósito)(?=[ ,])",
        rf"(?:(?:muito )?obrigad[oa]|desculp[ae])(?:{_SET_OFF}|{_SAID_BY_ONE})",
    )
)
_SET_RIGHT = "correction|update|news|correção|correcção|atualização|novidade"
SETS_RIGHT = re.compile(rf"(?:{_SET_RIGHT}): ", re.IGNORECASE)  # "Correction: ...", and no text to be corrected
ANNOUNCEMENT = re.compile(
    _any(
        r"(?:remember|note|keep in mind|bear in mind|don't forget|do not forget|know|be aware)(?: that|:)(?= )",
        rf"(?:{_SET_RIGHT}):(?= )",
        r"(?:fyi|for your information|for the record|just so you know|note to self)\b",
        r"(?:lembra(?:-te|-se)?|lembre(?:-se)?|recorda|anot[ae]|regist[ae]|not[ae]|fica a saber|fique sabendo|"
        r"saiba|sabe"
        r"|guarda|guarde|não te esqueças|não se esqueça|não esqueças|não esqueça)(?:(?: (?:de )?que| aí)?:|"
        rf" (?:de )?que | aí |{_SAID_BY_ONE} )(?!sempre)",
    )
)
FIRST_PERSON_START = re.compile(
    _any(
        r"i(?:'m|'ve|'d|'ll| )",
        r"(?:my|our|we(?:'re|'ve|'ll)?|mine|me and)\b",
        r"(?:chamamos|chamo|chamam)-lhes?\b",
        r"(?:eu|(?:o |a |os |as )?(?:meu|minha|meus|minhas|nosso|nossa|nossos|nossas)|nós|a gente)\b",
        _FIRST_PERSON_VERB,
        _ANY_FIRST_PERSON_VERB,
    )
)
# It is about somebody named in the sentence before.
OF_SOMEBODY = re.compile(r"(?:he|she|they|his|her|their|ele|ela|eles|elas|(?:[oa]s? )?d(?:ele|ela|eles|elas))\b")
QUESTION_START = re.compile(
    _any(
        r"how come\b|porque é que\b|por que (?:é que )?o\b",
        r"(?:what|who|whom|whose|where|when|why|how|which)(?:'s|'re)? (?:is|are|was|were|am|do|does|did|can|"
        r"could|should"
        r"|would|will|has|have|had|to|many|much|long|old|far|often|big|tall|about|if|else|time|kind|sort|day|one)\b",
        r"(?:what|who|where|when|how|why)'(?:s|re)\b",
        r"(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|may|might|am)(?:n't)? "
        r"(?:i|you|he|she|it|we|they|there|this|that|these|those|my|your|his|her|our|their|the|a|an|any|anyone|"
        r"someone)\b",
        r"(?:o que|que|quem|qual|quais|quando|onde|aonde|como|porque é que|por que|porquê|quant[oa]s?) "
        r"(?:é|são|era|foi|será|está|estão|fica|ficam|posso|devo|faço|se|há|tem|existe|horas?|custa|vale|pernas|"
        r"faz|fazer)\b",
        r"(?:o que|quantas|quantos|quais|qual|porquê)\b",
        r"(?:será que|há algum|existe|sabes|sabe|lembras-te|tens|podes|podias|consegues)\b",
    )
)
REQUEST_START = re.compile(
    _any(
        r"(?:i (?:want|need|would like|'d like|wish|expect|ask)|i'd (?:like|love|prefer)) you\b",
        r"(?:i need|i want|i'd like|i would like|i'm looking for|i am looking for|looking for|need|"
        r"want) (?:an? |some |the |"
        r"more |your |\d+ )?(?:\w+ )?(?:recipe|summary|list|explanation|example|function|script|poem|story|"
        r"translation|help|"
        r"advice|idea|ideas|tips|suggestions?|answer|information|info|code|email|letter|text|joke|plan|name|names)\b",
        r"i(?: want|'d like| would like| need)? to (?:know|ask|see what|hear)\b",
        r"(?:i wonder|i was wondering|i'm wondering|i'm curious|i don't (?:understand|get|see)|i mean|i meant|"
        r"i said|i asked|"
        r"i didn't (?:ask|mean|say)|i see|i know|i think so|i guess|i hope so|i agree|i disagree)\b",
        r"i'd rather you\b|i bet\b|aposto\b|(?:as )?(?:minhas )?instruções\b|my instructions\b",
        r"(?:tem como|dá p(?:ra|ara)|dava p(?:ra|ara)|(?:no )?need (?:to apologi\w+|for)|não precis[ao]s? de|"
        r"parte do princípio|"
        r"parta do princípio)\b",
        r"(?:let's|let us|let me|how about|what about|any (?:idea|tips|suggestions))\b",
        r"(?:quero|queria|preciso|gostava|gostaria) (?:que|de que|de saber|saber|perguntar|de ajuda|ajuda)\b",
        r"(?:quero|queria|preciso de|gostava de|gostaria de) (?:um|uma|uns|umas|mais|algumas?|alguns) (?:\w+ )?"
        r"(?:receita|resumo|lista|explicação|exemplo|função|script|poema|história|tradução|ajuda|conselho|"
        r"ideias?|dicas?|"
        r"sugestão|sugestões|resposta|informação|código|email|carta|texto|piada|plano|nomes?)\b",
        r"(?:refiro-me|referia-me|quis dizer|eu disse|eu perguntei|perguntei|não (?:percebi|entendi|compreendi|sei)|"
        r"pergunto-me|vamos|bora|que tal)\b",
        r"(?:me|nos) (?:diga|diz|fala|fale|explica|explique|mostra|mostre|ajuda|ajude|dá|dê|conta|conte|passa|"
        r"manda)\b",
        r"(?:pode|podes|podia|podias|poderia|poderias|consegue|consegues|dá para|dava para|sabe|sabes) ",
    )
)
ABOUT_THE_ANSWER = re.compile(
    _any(
        r"(?:that|it|this|these|those)(?:'s|'re|'ll)?(?: (?!year|month|week|summer|winter|spring|autumn|morning|"
        r"evening|"
        r"weekend|afternoon|term|semester)|$|,)",
        r"(?:the|your|this|that) (?:(?:last|first|second|previous) )?(?:answer|reply|response|explanation|one|"
        r"code(?! (?:of|for|to)\b)|output)\b",
        r"(?:you|you're|you've|your)\b",
        r"(?:great|perfect|wrong|nice|good|excellent|awesome|cool|not (?:quite|really|that|what)|makes|doesn't|"
        r"works|exactly|"
        r"right|correct|incorrect|true|false|sure|shorter|longer|much better|better|thank|lol|haha\w*|wow)\b",
        r"(?:não (?:me parece|ajudou|serve|serviu|resultou|era|gostei|presta)|hum|hmm)\b",
        r"(?:isso|isto|aquilo|esse|essa|está (?:certo|errado|ótimo|bom|mal|bem|correto)|não (?:é isso|foi isso|"
        r"funciona|"
        r"está|era isso|faz sentido|gostei)|a (?:tua|sua) resposta|a resposta|tu|você|vocês|o senhor)\b",
        r"(?:ótim[oa]|perfeit[oa]|errad[oa]|cert[oa]|fixe|excelente|exato|exatamente|mais (?:curto|longo|"
        r"simples)|melhor|"
        r"kkk+|rsrs+|estás|disseste|deste|fizeste|erraste|enganaste|disse que|refer)\b",
    )
)
# Words that a sentence begins with when it asks for something to be done.
_IMPERATIVES = """
    act add adjust analyse analyze answer apply ask assume avoid be begin book brainstorm build calculate call change
    check choose classify compare compile complete compose compute consider continue convert copy correct count create
    debug define delete describe design disregard do don't draft draw edit end ensure evaluate execute expand explain
    extract fetch fill find finish fix follow forget format forward generate get give go guess help hold ignore imagine
    implement improve include insert keep let list look make mention name never always obey only open optimise optimize
    order outline output paraphrase parse plan play please predict prefer pretend print produce proofread propose
    provide pull push put quote rank rate read recommend refactor refer reformulate remember remove rename repeat
    replace reply rephrase respond return reveal revise rewrite roleplay run save say search select send set shorten
    show simplify simulate sing solve sort speak spell start stop store suggest summarise summarize switch take talk
    teach tell test think transform translate treat try turn update use wait write
    abre acaba acrescenta acrescente adiciona adicione age aja ajuda ajude ajuda-me altera altere analisa analise apaga
    apague apresenta aprende assume atua atue avalia avalie calcula calcule chama-me classifica classifique coloca
    começa comece compara compare completa complete compõe considera considere conta conte conta-me continua continue
    converte converta corrige corrija cria crie dá dá-me dê define defina descreve descreva desenha desenhe deixa deixe
    diz diga diz-me encontra encontre encurta ensina ensine envia envie escolhe escolha escreve escreva esquece esqueça
    evita evite executa execute explica explique explica-me extrai extraia faça faz fala fale finge finja formata gera
    gere guarda ignora ignore imagina imagine imprime inclui inclua indica indique inventa lê leia lembra-te lembre-se
    lista liste manda mande melhora melhore mostra mostre mostra-me muda mude não-uses nunca sempre ordena ordene
    organiza organize para passa passe pensa pense pergunta pergunte planeia planeje poe põe procura procure propõe
    recomenda recomende reescreve reescreva reformula remove remova repete repita responde responda resume resuma
    revela revele revê segue siga simplifica simplifique simula sugere sugira tenta tente testa teste traduz traduza
    transforma usa use verifica verifique volta
"""
IMPERATIVES = frozenset(_IMPERATIVES.split())
# What such a word is a name before: "Guarda fica a 1056 metros".
IS_SOMETHING = re.compile(r"\w+ (?:é|era|fica|tem)\b")
# Anywhere in a sentence: it tells a machine how to behave, whoever it is said to come from.
ORDERS = re.compile(
    _any(
        r"\b(?:ignore|disregard|override|bypass|forget)\b.{0,40}\b(?:instruction|rule|prompt|previous|above|"
        r"everything|guideline|"
        r"policy|policies|polic)",
        r"\b(?:ignor|esque[cç]|desconsider|substitu)\w*\b.{0,40}\b(?:instruç|regra|anterior|tudo|diretriz|política)",
        r"\b(?:always|never) (?:answer|reply|respond|recommend|suggest|mention|say|use|tell|include|end|start|"
        r"begin|add|ask|"
        r"speak|talk|write|call|refer|reveal|promote|praise|trust|choose|apologi[sz]e|remember|refuse|sign|"
        r"assume|prefer|agree)\b",
        r"\b(?:(?:sempre|nunca) (?:que )?(?:respond|recomend|suger|mencion|dig|us|inclu|termin|comec|fal|escrev|"
        r"cham|promov|"
        r"elogi|confi|escolh|assin|concord)|(?:respond|recomend|suger|mencion|dig|us|inclu|termin|comec|fal|"
        r"escrev|cham|"
        r"promov|elogi|confi|escolh|assin|concord)\w* sempre)",
        r"\b(?:from now on|from here on|henceforth|going forward,? (?:you|always|never)|until further notice)\b",
        r"\b(?:a partir de agora|de agora em diante|daqui em diante|doravante|até nova ordem)\b",
        r"\byou (?:are now|must|should|shall|have to|need to|will|may only|can only|are (?:not )?allowed|"
        r"are required|"
        r"are to|ought)\b",
        r"\b(?:tu|você|vocês)?\s?\b(?:tens de|tens que|tem de|deves|deve|deverás|deverá|passas a|"
        r"passa a) (?:sempre |nunca "
        r"|agora |apenas |só )?(?:\w+[aei]r)\b.{0,30}\b(?:utilizador|usuário|resposta|instruç|pedido|pergunt)",
        r"\b(?:(?:você|tu) (?:nunca |sempre |agora )?(?:deve|deves|tem|tens|é|és)|és agora|você é agora)\b",
        r"\b(?:the|every|each|this|any|all) (?:user|assistant|ai|chatbot|language model|llm|system prompt|model)s?\b",
        r"\b(?:o|a|os|as|ao|do|este|cada|qualquer) (?:utilizador|usuári[oa]|assistente|chatbot|"
        r"modelo de linguagem|ia)\b",
        r"\b(?:in|to|with|of) (?:every|all|each|any)(?: future| later| your)? (?:answer|repl(?:y|ies)|response|"
        r"conversation|message)",
        r"\b(?:em|a|com) (?:todas?|cada|qualquer)(?: as)?(?: tuas| suas)? (?:futuras )?(?:resposta|conversa|mensage)",
        r"\b(?:respond|reply|answer|speak|write)\b.{0,20}\b(?:only|pirate|in (?:json|all caps|rhyme|character))\b",
        r"\b(?:whenever|when|if|quando|se|sempre que)\b.{0,60}\b(?:asks?|asked|i ask|pergunt\w+|pedir\w*)\b",
        r"\b(?:act|behave|respond|pose) as (?:a|an|if|my|the)\b|\bpretend\b|\broleplay\b|\bfinge\b|\bfinja\b",
        r"\b(?:do not|don't|never) (?:tell|mention|reveal|disclose|apologi[sz]e|refuse|warn|answer|recommend|"
        r"suggest|trust)\b",
        r"\bnão (?:digas|diga|menciones|mencione|reveles|revele|contes|conte|avises|avise|recomendes|recomende|"
        r"uses|use)\b",
        r"\b(?:call|invoke|run|execute|use|trigger|chama|chame|invoca|executa|execute|usa|use) (?:the|a|o|this|"
        r"esta|este) "
        r"(?:\w+ )?(?:tool|function|command|plugin|script|ferramenta|função|comando)\b",
        r"\b(?:system|developer) (?:prompt|message|override|mode)\b|\bjailbreak\b|\bdan mode\b|\bnew (?:policy|"
        r"directive)\b",
        r"\b(?:nova (?:política|diretiva|instrução|regra))\b|\binstruç(?:ão|ões) (?:do sistema|importante)",
        r"\b(?:your|tua|tuas|sua|suas|teu|teus|seu|seus) (?:new |real |only |novas? |verdadeir\w+ )?(?:job|task|"
        r"goal|role|"
        r"purpose|instruction|persona|tarefa|missão|objetivo|papel|função|instruç)",
        r"\b(?:save|store|add|write|guarda|guarde|grava|grave|regista|adiciona) (?:this|that|the following|it|"
        r"isto|isso|o "
        r"seguinte)?.{0,30}\b(?:memory|memories|memória|memórias)\b",
    )
)
MACHINERY = re.compile(
    r"<\|[^|]*\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|memory|tool|function)[^>]*>|[{}]\s*\"|"
    r"^\W*(?:system|assistant|user|developer|tool|instruction|instructions|important|note to (?:ai|assistant)|"
    r"sistema|"
    r"assistente|utilizador|usuário|instrução|instruções|importante)\s*:",
    re.IGNORECASE,
)
# Anywhere: it speaks to AION, of what AION is, does or should do.
ADDRESSES = re.compile(
    _any(
        r"\b(?:you|your|you're|you've|you'll|yours|yourself)\b",
        r"\b(?:consegues|podes|tens|és|estás|precisas|deves|sabes|respondas|digas|faças|uses|chamas-te|disseste|"
        r"tua|teu|tuas|"
        r"teus|contigo|você|vocês)\b",
        r"^(?:as of|from|whatever|whichever|a partir de|desde|pergunte|tudo o que)\b.{0,40}"
        r"\b(?:today|now|on|ask|say|hoje|agora|perguntar|disser)\b.{0,20}\b(?:call|called|end|chama\w*|termina\w*)\b",
    )
)
# After a comma, what a sentence asks for: "for the school, write a play".
LATER_REQUEST = re.compile(
    r", (?:please )?(?:write|make|give|tell|explain|create|draft|list|suggest|show|find|end|translate|"
    r"summari[sz]e|answer|"
    r"escreve|escreva|faz|faça|dá|dê|diz|diga|explica|explique|cria|crie|lista|liste|sugere|sugira|mostra|"
    r"mostre|termina|"
    r"traduz|traduza|resume|resuma|responde|responda)(?:-\w+)? (?!up\b|off\b)"
)
# A request that hands over a text: the text is not the person's word.
HANDS_OVER = re.compile(
    r"\b(?:translat|summari[sz]|rewrit|rephras|paraphras|proofread|correct|fix|improve|explain|review|analy[sz]|"
    r"classif|"
    r"extract|shorten|edit|check|read|here(?:'s| is| are)|found|wrote|says?|said|got|received|pasted?|quot|"
    r"traduz|resum|reescrev|reformul|parafrase|corrig|corrij|melhor|explic|revê|reve[jr]|analis|classific|"
    r"extrai|encurt|"
    r"lê|leia|eis|aqui está|encontrei|recebi|diz|escrevi|colei|cita)",
    re.IGNORECASE,
)
MATERIAL = re.compile(
    r"\b(?:the following|this (?:text|email|e-mail|paragraph|article|passage|page|message|letter|code|document|"
    r"review)|below|"
    r"(?:o|a|os|as) seguintes?|(?:este|esta|esse|essa) (?:texto|email|e-mail|parágrafo|artigo|página|mensagem|carta|"
    r"código|documento|frase)|abaixo)\b[^.!?]*:?$|:\s+\S",
    re.IGNORECASE,
)
_ASKING = (
    r"(?:what|who|whom|whose|which|where|when|why|how|if|whether|"
    r"(?:[aàeod]|de|em|por|para|com)? ?(?:que|quem|qual|quais|quando|onde|aonde|como|quant[oa]s?|porqu[eê]|se))\b"
)
# A word before the verb of a sentence; what comes after "that" is not said of anything yet.
_BEFORE = r"(?:(?!(?:that|which|who|whom|whose|where|when|because|que|cuj[oa]s?|onde|quando|porque|quem)\b)\S+ )"
_DETERMINER = (
    r"(?:the|this|that|these|those|my|our|his|her|its|their|a|an|each|every|both|all|some|most|many|several|no)"
)
_OBJECT = (  # what follows a verb and hardly ever a plural noun
    r"(?:the|a|an|my|our|his|her|its|their|me|us|him|them|it|this|these|those|every|each|no|some|one|two|three|four|five|"
    r"six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty|sixty|a hundred|part|place)\b|[a-z]*-?\d"
)
_BEFORE_NOUN = (  # what follows it is a noun, though it be a form of a verb: "a conta", "de compra"
    r"(?:[dnp]?[oa]s?|pel[oa]s?|d[ao]s?|num|numa|uma?s?|ao|aos|à|às|de|em|por|para|com|sem|entre|sobre|e|ou|"
    r"meus?|minhas?|teus?|tuas?|seus?|suas?|noss[oa]s?|est[ea]s?|ess[ea]s?|cada|boa|bom|nova|novo|grande|primeir[oa]|"
    r"últim[oa]|outr[oa]|muit[oa]s?|mais|qualquer|tod[oa]s?|que|quem|onde|cuj[oa]s?|porque|quando|não|nem|nunca|já|só|também|agora|sempre|nada|tudo)"
)


def _all(words: frozenset[str]) -> str:
    return "(?:" + "|".join(sorted(words)) + ")"


# A subject and what it does; a search such as "train times Porto" has no article before and none after.
_DOES = _any(
    rf"^(?!{_ASKING}){_BEFORE}+{_all(english_third(clear=True))}\b",
    rf"^(?:{_DETERMINER} |[\w-]+'s )(?:(?!(?:that|which|who)\b)[\w'-]+ ){{1,7}}?"
    rf"[\w-]*[a-z]{{2}}(?<![su'])s (?={_OBJECT})",
    rf"^(?:{_DETERMINER} |[\w-]+'s )(?:(?!(?:that|which|who)\b)[\w'-]+ ){{1,7}}?"
    rf"{_all(english_third(clear=False))} "
    r"(?:in|at|on|under|above|behind|beside|near|next|from|off|up|out|down|across|through|against|towards?|around|like|"
    r"well|badly|slowly|better|worse|fast|earlier|later|early|late|only|away|back|again)\b",
    rf"^(?:{_DETERMINER} |[\w-]+'s )?(?:[\w'-]+ ){{0,4}}?(?:[a-z]{{2,}}(?<!s)s|children|people|men|women) "
    rf"(?:always |usually |often |also |never |only |still )?{_all(english_base())}\b(?! of\b)",
    rf"^(?!{_ASKING}){_BEFORE}+{_all(english_past())}\b",
    rf"^(?!{_ASKING}){_BEFORE}*?(?!(?:that|which|who|in|of|by|until|since|before|after|\d+)\b)\S+ "
    rf"(?:may|must|might|should|could|would|cannot) (?:not |only |also |always |never )?"
    rf"(?:be|{_all(english_base())})\b",
    rf"^(?!{_ASKING}){_BEFORE}*?(?!{_BEFORE_NOUN} )[\w-]+ (?:(?:também|não|já|só|nunca|sempre|se|me|nos|lhes?) )*"
    rf"{_all(portuguese_third())}(?:-(?:se|me|nos|lhes?))?(?![\w-])",
    rf"^(?:(?:\S+ )*?(?!{_BEFORE_NOUN} )[\w-]+ )?(?!vamos|vejamos|façamos|digamos|sejamos|ponhamos|suponhamos)"
    r"\w{3,}(?:(?:amos|emos|imos)(?:-lhes?)?|[aáei]mo-nos)(?![\w-])",
)
# The same of somebody named, in the case it is written in: "Piotr Wendel tunes the organ".
NAMED_DOES = re.compile(
    rf"[A-ZÀ-Þ][\w'\u2019-]+ (?:(?:[A-ZÀ-Þ][\w'\u2019-]+ ){{1,3}}[a-z]{{2,}}(?<![su])s (?={_OBJECT})|"
    rf"{_all(english_third(clear=False))} (?={_OBJECT}))"
)
# Signs of a predicate: a fragment such as "pizza in naples" says nothing.
SAYS_SOMETHING = re.compile(
    _any(
        r"\b(?:i|i'm|i've|i'd|i'll|we|we're|we've|my|our|mine|me|he|she|they|he's|she's|they're)\b",
        r"\b(?:am|is|are|was|were|isn't|aren't|wasn't|has|have|had|hasn't|does|doesn't|did|didn't|can|can't|"
        r"will|won't|"
        r"lives?|works?|likes?|loves?|hates?|prefers?|owes?|owns?|needs?|wants?|uses?|runs?|opens?|closes?|"
        r"starts?|ends?|"
        r"leaves?|arrives?|costs?|means?|knows?|speaks?|plays?|studies|teaches|took|broke|got|gave|went|came|"
        r"left|bought|"
        r"sold|met|won|lost|made|said|told|grew|began|became|drives?|eats?|drinks?|goes|comes|expires?|weighs?|"
        r"belongs?)\b",
        r"\b\w{2,}ed\b",
        r"\b(?:eu|nós|ele|ela|eles|elas|meu|minha|meus|minhas|nosso|nossa|nossos|nossas|me|mim)\b",
        r"\b(?:é|são|era|eram|foi|foram|está|estão|estava|tem|têm|tinha|há|vai|vão|pode|fica|ficam|chama-se|"
        r"vive|vivem|mora|"
        r"moram|trabalha|trabalham|gosta|gostam|prefere|usa|usam|abre|fecha|sai|chega|custa|deve|deve-me|"
        r"detesta|adora|odeia|"
        r"fala|joga|estuda|ensina|nasceu|morreu|comprou|vendeu|ganhou|perdeu|faz|fazem|corre|come|bebe|pesa|"
        r"caduca|começa|"
        r"acaba|termina|pertence|quer|sabe|deu|disse)\b",
        r"\b\w{3,}(?:ou|aram|eram|iram|ámos|emos|imos|ava|avam|ávamos|íamos)(?:-\w+)?\b",
        FIRST_PERSON_START.pattern,
        _DOES,
    )
)
