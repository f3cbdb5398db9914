# Signet.  What is built is found by wildcards; `make help` lists the targets.
VERSION    := 0.1.0
BUILD      ?= build
PREFIX     ?= /usr/local
DESTDIR    ?=
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/signet
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
ARMORDIR   ?= $(PREFIX)/share/apparmor/extra-profiles
SHAREDIR   ?= $(PREFIX)/share/signet
USERUNITS  ?= $(PREFIX)/lib/systemd/user
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
OPT        ?= -O2 -g

# SANITIZE=address,undefined builds without the system-call filter (LeakSanitizer cannot live with it).
try      = $(shell printf 'int main(void){return 0;}' | $(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo '$(1)')
WARN    := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
           -Wwrite-strings -Wvla -Wformat=2 -Wundef $(if $(CI),-Werror)
# COVERAGE=DIR counts into profiles there, from the start on: a sandboxed process could not write one at its end.
COUNT   := $(if $(COVERAGE),-fprofile-instr-generate=$(COVERAGE)/%m%c.profraw -fcoverage-mapping -Xclang -mllvm -Xclang -runtime-counter-relocation)
HARDEN  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DSIGNET_SANITIZE,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
           -fPIE -fstack-protector-strong $(call try,-fstack-clash-protection) $(call try,-fcf-protection)
# Two builds are the same, byte for byte, wherever they are made: the compiler takes the folder from PWD, and
# $(wildcard) sorts as the locale does.
export PWD := $(CURDIR)
HERE    := $(if $(call try,-ffile-prefix-map=a=b),'-ffile-prefix-map=$(CURDIR)=.')
# On machines of 32 bits, too, sizes of files, their numbers and times have 64.
WIDE    := $(if $(filter 4,$(shell echo __SIZEOF_POINTER__ | $(CC) $(CFLAGS) -E -P - 2>/dev/null)),-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64)
CFLAGS  += -std=c17 $(OPT) $(WARN) $(HARDEN) $(HERE) $(COUNT)
CPPFLAGS += -I. -D_GNU_SOURCE $(WIDE) -DSIGNET_VERSION='"$(VERSION)"'
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(if $(SANITIZE),-fsanitize=$(SANITIZE))

CRYPTO   := $(shell $(PKG_CONFIG) --libs libcrypto 2>/dev/null)
SECCOMP  := $(shell $(PKG_CONFIG) --libs libseccomp 2>/dev/null)
MISSING  := $(strip $(if $(CRYPTO),,libcrypto) $(if $(SECCOMP),,libseccomp))
ARGON2   := $(shell $(PKG_CONFIG) --libs libargon2 2>/dev/null)
CPPFLAGS += $(if $(ARGON2),-DHAVE_LIBARGON2)
PCSC     := $(shell $(PKG_CONFIG) --libs libpcsclite 2>/dev/null)
P11KIT   := $(shell $(PKG_CONFIG) --libs p11-kit-1 2>/dev/null)
ZLIB     := $(shell $(PKG_CONFIG) --libs zlib 2>/dev/null)
CMOCKA   := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)
FIDO2    := $(shell $(PKG_CONFIG) --libs libfido2 2>/dev/null)
SECRET   := $(shell $(PKG_CONFIG) --libs libsecret-1 2>/dev/null)
SDBUS    := $(shell $(PKG_CONFIG) --libs libsystemd 2>/dev/null || $(PKG_CONFIG) --libs basu 2>/dev/null)
CPPFLAGS += $(if $(FIDO2),-DHAVE_LIBFIDO2)
CPPFLAGS += $(if $(ZLIB),-DHAVE_ZLIB)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard $(1))))
PROTO    := $(BUILD)/lib/libproto.a
KEYSTORE := $(BUILD)/lib/libkeystore.a
KEYFILE  := $(BUILD)/lib/libkeyfile.a
AGENT    := $(BUILD)/lib/libagent.a
ADD      := $(BUILD)/lib/libadd.a
TOKENS   := $(BUILD)/lib/libtokens.a
FIDO     := $(BUILD)/lib/libfido.a
PKCS11   := $(if $(P11KIT),$(BUILD)/lib/libpkcs11.a)
CARD     := $(BUILD)/lib/libcard.a
# Helpers but for their main.c, for fuzzers that play the agent to them.
LOOPS    := $(patsubst %,$(BUILD)/lib/lib%.a,unlock files prompt session keyring)
SUPPORT  := $(BUILD)/lib/libsupport.a
VIRTUAL  := $(BUILD)/lib/libvirtual.a
VTOKEN   := $(BUILD)/lib/libvirtualtoken.a

PROGRAMS := $(BUILD)/bin/signet-agent $(BUILD)/bin/signet-add
HELPERS  := $(patsubst %,$(BUILD)/libexec/signet/%,signet-prompt signet-files signet-unlock signet-setup \
            $(if $(P11KIT),signet-pkcs11) $(if $(PCSC),signet-card) $(if $(SECRET),signet-keyring) $(if $(SDBUS),signet-session)) $(if $(FIDO2),$(BUILD)/libexec/signet/signet-fido)
UNIT     := $(if $(CMOCKA),$(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/t_*.c tests/system/t_*.c)))
UNIT     := $(if $(FIDO2),$(UNIT),$(filter-out %/t_fido_errors %/t_fido_hostile %/t_fido_list %/t_fido_middleware %/t_fido_nfc,$(UNIT)))
UNIT     := $(if $(P11KIT),$(UNIT),$(filter-out $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/t_pkcs11_*.c)),$(UNIT)))
FIDOFUZZ := $(if $(FIDO2),$(patsubst %,$(BUILD)/tests/fuzz/f_%,fido fidodev nfc))
CARDFUZZ := $(BUILD)/tests/fuzz/f_card
LOOPFUZZ := $(patsubst %,$(BUILD)/tests/fuzz/f_%,prompt $(if $(SDBUS),session) $(if $(SECRET),keyring))
REPLAY   := $(patsubst %.c,$(BUILD)/%,$(filter-out %/f_card.c %/f_prompt.c %/f_session.c %/f_keyring.c %/f_fido.c %/f_fidodev.c %/f_nfc.c $(if $(P11KIT),,%/f_pkcs11.c),$(wildcard tests/fuzz/f_*.c)))
BENCH    := $(patsubst %.c,$(BUILD)/%,$(filter-out %/b_fido.c,$(wildcard tests/bench/b_*.c)))
FIDOTOOL := $(if $(FIDO2),$(BUILD)/tests/tools/fidokey $(BUILD)/tests/bench/b_fido)
TOOLS    := $(patsubst %.c,$(BUILD)/%,$(filter-out %/fidokey.c %/calls.c,$(wildcard tests/tools/*.c)))
PRELOAD  := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/preload/*.c))
MODULES  := $(if $(shell $(PKG_CONFIG) --modversion p11-kit-1 2>/dev/null),$(BUILD)/tests/modules/p11bad.so $(BUILD)/tests/modules/p11try.so)
DEVICES  := $(BUILD)/tests/virtual/fido-card $(BUILD)/tests/virtual/token-card $(BUILD)/tests/virtual/fido-uhid $(if $(FIDO2),$(BUILD)/tests/virtual/sk-virtual.so $(BUILD)/tests/virtual/sk-partial.so)

# What a login needs, with @WORDS@ for paths; also inside signet-setup.
UNITS    := $(wildcard packaging/systemd/signet-*)
LOGIN    := $(UNITS) packaging/xdg/signet-agent.desktop packaging/shell/signet.sh

.PHONY: tests $(shell sed -n 's/^\([a-z0-9-]*\):.*[#][#] .*/\1/p' $(firstword $(MAKEFILE_LIST)))
all: $(PROGRAMS) $(HELPERS) ## build the programs in build/bin, the helpers in build/libexec/signet

$(PROTO): $(call obj,proto/*.c proto/base/*.c)
$(KEYSTORE): $(call obj,keystore/*.c)
$(KEYFILE): $(call obj,keystore/file/*.c)
$(AGENT): $(filter-out %/main.o,$(call obj,agent/*.c))
$(ADD): $(filter-out %/main.o,$(call obj,add/*.c))
$(TOKENS): $(call obj,tokens/base/*.c)
$(FIDO): $(filter-out %/main.o,$(call obj,tokens/fido/*.c))
$(BUILD)/lib/libpkcs11.a: $(filter-out %/main.o,$(call obj,tokens/pkcs11/*.c))
$(CARD): $(filter-out %/main.o,$(call obj,tokens/card/*.c))
$(BUILD)/lib/libfiles.a: $(filter-out %/main.o,$(call obj,keystore/files/*.c))
$(BUILD)/lib/libunlock.a: $(filter-out %/main.o,$(call obj,keystore/unlock/*.c))
$(BUILD)/lib/libprompt.a: $(filter-out %/main.o,$(call obj,agent/prompt/*.c))
$(BUILD)/lib/libsession.a: $(filter-out %/main.o,$(call obj,agent/session/*.c))
$(BUILD)/lib/libkeyring.a: $(filter-out %/main.o,$(call obj,keystore/keyring/*.c))
$(SUPPORT): $(call obj,tests/support/*.c)
$(VTOKEN): $(filter-out %/main.o %/command.o,$(call obj,tests/virtual/token/*.c))
$(VIRTUAL): $(call obj,tests/virtual/*.c)
$(BUILD)/lib/%.a:
	$(call quiet,AR,$@)mkdir -p $(@D) && rm -f $@ && $(AR) rcsD $@ $^

comma := ,
# V=1 shows whole commands.
quiet = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2);)
link = $(call quiet,LINK,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1) $(LDLIBS)
$(BUILD)/bin/signet-agent: $(BUILD)/obj/agent/main.o $(AGENT) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(SECCOMP) -pthread)
$(BUILD)/bin/signet-add: $(BUILD)/obj/add/main.o $(ADD) $(KEYFILE) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(ARGON2) -pthread)
$(BUILD)/libexec/signet/signet-prompt: $(call obj,agent/prompt/*.c) $(PROTO)
	$(call link,)
$(BUILD)/libexec/signet/signet-fido: $(BUILD)/obj/tokens/fido/main.o $(BUILD)/obj/tokens/wipefree.o $(FIDO) $(TOKENS) $(PROTO)
	$(call link,$(FIDO2) $(PCSC) $(CRYPTO) -ldl -pthread)
$(BUILD)/libexec/signet/signet-pkcs11: $(BUILD)/obj/tokens/pkcs11/main.o $(BUILD)/obj/tokens/wipefree.o $(PKCS11) $(TOKENS) $(PROTO)
	$(call link,$(P11KIT) $(CRYPTO) -ldl -pthread)
$(BUILD)/libexec/signet/signet-card: $(BUILD)/obj/tokens/card/main.o $(BUILD)/obj/tokens/wipefree.o $(CARD) $(TOKENS) $(PROTO)
	$(call link,$(PCSC) $(ZLIB) $(CRYPTO) -ldl -pthread)
# A helper each: its folder, and what else it is linked with.
$(BUILD)/libexec/signet/signet-files: $(BUILD)/obj/keystore/files/main.o $(BUILD)/lib/libfiles.a $(KEYFILE) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(SECCOMP) $(ARGON2) -pthread)
$(BUILD)/libexec/signet/signet-unlock: $(call obj,keystore/unlock/*.c) $(BUILD)/lib/libfiles.a $(KEYFILE) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(SECCOMP) $(ARGON2) -pthread)
$(BUILD)/libexec/signet/signet-keyring: $(call obj,keystore/keyring/*.c) $(PROTO)
	$(call link,$(SECRET))
$(BUILD)/libexec/signet/signet-session: $(call obj,agent/session/*.c) $(PROTO)
	$(call link,$(SDBUS))
$(BUILD)/libexec/signet/signet-setup: $(call obj,agent/setup/*.c) $(PROTO)
	$(call link,)
$(BUILD)/obj/agent/setup/texts.o: $(LOGIN)
# Its time goes to libcrypto and the kernel; its pages are what an idle agent costs.
$(BUILD)/obj/agent/%.o: OPT := -Os -g
$(BUILD)/obj/keystore/keyring/%.o $(BUILD)/obj/tests/fuzz/f_keyring.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libsecret-1 2>/dev/null))
p11 = $(shell $(PKG_CONFIG) --variable=$(1) p11-kit-1)
$(BUILD)/obj/tokens/pkcs11/%.o $(BUILD)/obj/tests/fuzz/f_pkcs11.o $(BUILD)/obj/tests/unit/t_pkcs11_%.o: CPPFLAGS += $(shell $(PKG_CONFIG) --cflags p11-kit-1 2>/dev/null)
$(BUILD)/obj/tokens/pkcs11/name.o: CPPFLAGS += -DP11_MODULE_PATH='"$(call p11,p11_module_path)"' \
	-DP11_MODULE_CONFIGS='"$(call p11,p11_module_configs)"' -DP11_SYSTEM_CONFIGS='"$(call p11,sysconfdir)/pkcs11/modules"'
$(BUILD)/obj/tokens/base/pcsc.o: CPPFLAGS += $(if $(PCSC),-DHAVE_LIBPCSCLITE $(shell $(PKG_CONFIG) --cflags libpcsclite))
$(UNIT): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(SUPPORT) $(VIRTUAL) $(AGENT) $(ADD) $(KEYFILE) $(KEYSTORE) $(if $(FIDO2),$(FIDO)) $(PKCS11) $(CARD) $(TOKENS) $(PROTO)
	$(call link,$(CMOCKA) $(FIDO2) $(PCSC) $(P11KIT) $(ZLIB) $(CRYPTO) $(SECCOMP) $(ARGON2) -pthread)
$(BUILD)/tests/unit/t_loop_enter: LDLIBS += -Wl,--wrap=epoll_wait
$(BUILD)/tests/unit/t_workers: LDLIBS += -Wl,--wrap=pthread_cond_wait,--wrap=pthread_cond_signal
$(BUILD)/tests/unit/t_prompt_places: LDLIBS += $(PROTO)
$(BUILD)/tests/unit/t_prompt_places: $(call obj,$(patsubst %,agent/prompt/%.c,display process reach child))
$(REPLAY): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(filter %/libunlock.a %/libfiles.a,$(LOOPS)) $(AGENT) $(ADD) $(KEYFILE) $(KEYSTORE) $(PKCS11) $(CARD) $(TOKENS) $(PROTO)
	$(call link,$(PCSC) $(P11KIT) $(ZLIB) $(CRYPTO) $(SECCOMP) $(ARGON2) -ldl -pthread)
$(FIDOFUZZ): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,tests/fuzz/replay.c tests/virtual/card/applet.c) $(FIDO) $(TOKENS) $(VIRTUAL) $(PROTO)
	$(call link,$(FIDO2) $(PCSC) $(CRYPTO) -ldl -pthread)
$(LOOPFUZZ): $(BUILD)/tests/fuzz/f_%: $(BUILD)/obj/tests/fuzz/f_%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/lib/lib%.a $(PROTO)
	$(call link,$(SDBUS) $(SECRET))
$(CARDFUZZ): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,tests/fuzz/replay.c tests/fuzz/virtual_cards.c) $(VTOKEN) $(CARD) $(TOKENS) $(VIRTUAL) $(PROTO)
	$(call link,$(ZLIB) $(PCSC) $(CRYPTO) -ldl -pthread)
$(BENCH) $(TOOLS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(SUPPORT) $(KEYFILE) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(SECCOMP) $(ARGON2) -pthread)
# It sees what passes between our own functions.
$(BUILD)/tests/tools/ct: LDLIBS += -Wl,--wrap=mem_equal,--wrap=cipher_decrypt,--wrap=chachapoly_decrypt,--wrap=kdf_bcrypt \
	$(patsubst %,-Wl$(comma)--wrap=%,workers_run loop_post conn_park conn_succeed conn_refuse decision_record timer_arm \
	offers_review residents_review ask_secret simple_call) $(KEYFILE) $(KEYSTORE) $(PROTO)
$(BUILD)/tests/tools/ct: $(AGENT) $(ADD)
$(BUILD)/tests/tools/calls: $(call obj,tests/tools/calls.c agent/sandbox.c keystore/files/sandbox.c keystore/unlock/confine.c) $(KEYSTORE) $(PROTO)
	$(call link,$(CRYPTO) $(SECCOMP) -pthread)
$(BUILD)/tests/virtual/fido-card: $(call obj,tests/virtual/card/*.c) $(VIRTUAL) $(PROTO)
	$(call link,$(CRYPTO))
$(BUILD)/tests/virtual/token-card: $(call obj,tests/virtual/token/*.c) $(VIRTUAL) $(PROTO)
	$(call link,$(CRYPTO))
$(BUILD)/tests/virtual/fido-uhid: $(call obj,tests/virtual/uhid/*.c) $(VIRTUAL) $(PROTO)
	$(call link,$(CRYPTO))

$(FIDOTOOL): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT) $(KEYSTORE) $(FIDO) $(TOKENS) $(PROTO)
	$(call link,$(FIDO2) $(PCSC) $(CRYPTO) -ldl -pthread)
# Loaded by programs that are not ours, so without sanitizers and counters.
PIC := $(filter-out -fsanitize=% -DSIGNET_SANITIZE -fPIE $(COUNT),$(CFLAGS)) -fPIC -fvisibility=hidden
pic = $(patsubst %.c,$(BUILD)/obj/pic/%.o,$(sort $(wildcard $(1))))
$(BUILD)/tests/virtual/sk-virtual.so: $(call pic,tests/virtual/sk/virtual.c tests/virtual/*.c proto/*.c proto/base/*.c)
$(BUILD)/tests/virtual/sk-partial.so: $(call pic,tests/virtual/sk/partial.c)
$(BUILD)/tests/virtual/sk-%.so:
	$(call quiet,LINK,$@)mkdir -p $(@D) && $(CC) $(PIC) -shared -Wl,-z,defs,-z,relro,-z,now,--as-needed -o $@ $^ $(FIDO2) $(CRYPTO)
$(BUILD)/obj/pic/%.o: %.c
	$(call quiet,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(PIC) -MMD -MP -c -o $@ $<

$(BUILD)/tests/modules/p11bad.so: $(call pic,tests/modules/p11bad.c tests/modules/objects.c tests/modules/commands.c)
$(BUILD)/tests/modules/p11try.so: $(call pic,tests/modules/p11try.c)
$(MODULES):
	$(call quiet,LINK,$@)mkdir -p $(@D) && $(CC) $(PIC) -shared -Wl,-z,defs,-z,relro,-z,now,--as-needed -o $@ $^ -ldl -pthread
$(call pic,tests/modules/*.c): CPPFLAGS += $(shell $(PKG_CONFIG) --cflags p11-kit-1 2>/dev/null)
$(PRELOAD): $(BUILD)/%.so: %.c
	$(call quiet,LINK,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(filter-out $(COUNT),$(CFLAGS)) -fPIC -shared -o $@ $<

$(BUILD)/obj/%.o: %.c
	$(if $(MISSING),$(error $(MISSING): not found by $(PKG_CONFIG).  packaging/install-deps installs what is missing))
	$(call quiet,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

tests: all $(UNIT) $(REPLAY) $(CARDFUZZ) $(LOOPFUZZ) $(FIDOFUZZ) $(TOOLS) $(BUILD)/tests/tools/calls $(FIDOTOOL) $(PRELOAD) $(DEVICES) $(MODULES)

run: ## install what is missing, build, start the agent, add your keys
	@packaging/run
stop: ## end the agent that `make run` started
	@packaging/run --stop
check: ## install what the tests need, build, run every test
	@packaging/install-deps --tests
	@$(MAKE) test
test: tests ## the same tests, installing nothing
	@BUILD="$(abspath $(BUILD))" tests/run
check-fresh: ## `make run` and `make check` in new Debian roots (root, debootstrap and network needed)
	@tests/system/fresh.sh
check-install: ## the packages in new Debian 12 and 13 roots, with a login through them (root, debootstrap and network needed)
	@tests/system/check-install.sh
check-reproducible: ## two builds and their packages, in different folders, are the same
	@tests/system/check-reproducible.sh
check-s390x: ## the unit tests on a big-endian machine under qemu-user (root, debootstrap and network needed)
	@tests/system/check-s390x.sh
check-i386: ## the unit tests on a machine of 32 bits, and some with whole programs (root, debootstrap and network needed)
	@tests/system/check-i386.sh
check-musl: ## the unit tests with musl libc (root, debootstrap and network needed)
	@tests/system/check-musl.sh
deb: ## Debian packages in build/deb (dpkg-dev and debhelper needed)
	@packaging/deb "$(BUILD)/deb"
rpm: ## RPM packages in build/rpm (rpmbuild needed)
	@packaging/rpm/build "$(BUILD)/rpm"
asan: ## the tests under address and undefined-behaviour sanitizers
	@$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined OPT='-O1 -g' test
bench: all $(BENCH) $(FIDOTOOL) $(DEVICES) $(MODULES) ## speed and memory, as ratios, in one run; fails when one misses its target
	@BUILD="$(abspath $(BUILD))" tests/bench/run
bench-report: ## the same, into the README's table and picture
	@mkdir -p "$(BUILD)" && { $(MAKE) -s bench >"$(BUILD)/bench.txt"; tests/bench/report "$(BUILD)/bench.txt" README.md man/bench.svg; }
soak: all $(DEVICES) $(MODULES) ## an hour of every client and kind of key, with helpers killed and cards pulled; SOAK_SECONDS, SOAK_SEED
	@packaging/install-deps --tests
	@BUILD="$(abspath $(BUILD))" tests/soak/run
fuzz: ## build and run the fuzzers (clang); FUZZ_SECONDS a fuzzer
	@BUILD="$(abspath $(BUILD)/fuzz)" tests/fuzz/run
faults: tests ## every program with each of its calls failing once, under sanitizers: half an hour and more; FAULTS=--ledger keeps the table
	@MAKE="$(MAKE)" tests/faults/build "$(BUILD)/faults" SANITIZE=address,undefined OPT='-O1 -g -fno-inline'
	@BUILD="$(abspath $(BUILD))/faults" PLAIN="$(abspath $(BUILD))" tests/faults/run $(FAULTS)
coverage: ## which lines the tests run, and that they are enough (clang and llvm needed); COVERAGE_KEEP=yes keeps the figures
	@packaging/install-deps --tests --coverage
	@BUILD="$(abspath $(BUILD)/coverage)" tests/coverage/run $(if $(COVERAGE_KEEP),--keep)
trust: ## all that attacks it, with a line for each: check, asan, faults, fuzz, coverage, soak, check-reproducible, bench; hours
	@BUILD="$(abspath $(BUILD))" MAKE="$(MAKE)" tests/trust $(STAGES)
lint: ## style, layers, man pages, shell
	@BUILD="$(abspath $(BUILD))" tests/lint/run

SECTIONS := 1 5 7 8
# A profile is named as the program that it is for: usr.bin.signet-agent.
ARMOR     = $(subst /,.,$(patsubst /%,%,$(BINDIR))).signet-agent
fill = sed -e 's|@AGENT@|$(BINDIR)/signet-agent|' -e 's|@SNIPPET@|$(SHAREDIR)/signet.sh|' $(1) >"$(DESTDIR)$(2)/$(notdir $(1))" && chmod 644 "$(DESTDIR)$(2)/$(notdir $(1))"
install: all ## install below DESTDIR and PREFIX
	$(INSTALL) -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(LIBEXECDIR)" "$(DESTDIR)$(SHAREDIR)" "$(DESTDIR)$(USERUNITS)" $(foreach s,$(SECTIONS),"$(DESTDIR)$(MANDIR)/man$(s)")
	$(INSTALL) -m 755 $(PROGRAMS) "$(DESTDIR)$(BINDIR)"
	$(INSTALL) -m 755 $(HELPERS) "$(DESTDIR)$(LIBEXECDIR)"
	$(foreach u,$(UNITS),$(call fill,$(u),$(USERUNITS)) &&) $(call fill,packaging/shell/signet.sh,$(SHAREDIR))
	$(foreach s,$(SECTIONS),$(INSTALL) -m 644 man/*.$(s) "$(DESTDIR)$(MANDIR)/man$(s)" &&) :
	$(INSTALL) -d "$(DESTDIR)$(BASHDIR)" "$(DESTDIR)$(ZSHDIR)" "$(DESTDIR)$(ARMORDIR)"
	$(INSTALL) -m 644 packaging/completions/signet.bash "$(DESTDIR)$(BASHDIR)/signet-agent"
	ln -sf signet-agent "$(DESTDIR)$(BASHDIR)/signet-add"
	$(INSTALL) -m 644 packaging/completions/_signet "$(DESTDIR)$(ZSHDIR)"
	sed 's|@PREFIX@|$(PREFIX)|g; s|@NAME@|$(ARMOR)|' packaging/apparmor/signet-agent >"$(DESTDIR)$(ARMORDIR)/$(ARMOR)"
	chmod 644 "$(DESTDIR)$(ARMORDIR)/$(ARMOR)"
	$(INSTALL) -m 644 packaging/apparmor/unit.conf "$(DESTDIR)$(SHAREDIR)/apparmor.conf"
uninstall: ## remove what install put there
	cd "$(DESTDIR)$(BINDIR)" && rm -f $(notdir $(PROGRAMS))
	$(foreach s,$(SECTIONS),(cd "$(DESTDIR)$(MANDIR)/man$(s)" && rm -f $(notdir $(wildcard man/*.$(s)))) &&) :
	rm -f $(foreach p,agent add,"$(DESTDIR)$(BASHDIR)/signet-$(p)") "$(DESTDIR)$(ZSHDIR)/_signet" "$(DESTDIR)$(ARMORDIR)/$(ARMOR)"
	cd "$(DESTDIR)$(USERUNITS)" && rm -f $(notdir $(UNITS))
	cd "$(DESTDIR)$(SHAREDIR)" && rm -f signet.sh apparmor.conf && { rmdir "$(DESTDIR)$(SHAREDIR)" 2>/dev/null || :; }
	cd "$(DESTDIR)$(LIBEXECDIR)" && rm -f $(notdir $(HELPERS)) && rmdir "$(DESTDIR)$(LIBEXECDIR)"
clean: ## remove build/
	rm -rf $(BUILD)
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' Makefile
