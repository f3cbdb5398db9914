"""A Secret Service that misbehaves: badsecrets.py MODE.

It has one collection and in it one item: /k, x, of Signet's schema, with the secret "right".  What
it gets to store it prints.  Modes, each of which does one thing wrong:

  good         nothing
  hang-open    OpenSession is never answered
  hang         a search is never answered
  hang-secret  the secret is never answered
  die          it ends when it is searched
  die-secret   it ends when the secret is wanted
  other        what it finds is another item than was asked for
  unmarked     what it finds has another schema
  empty, long, nul, huge
               the secret is
  rubbish      it finds what it does not have
  types        its answers are of other types
  tell         it fails, with the secret in the words of the error
  no-default   no collection is the default one; the first is only for this session
  locked       no collection is the default one, and all are locked; it unlocks nothing
"""
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

SECRET = "org.freedesktop.Secret."
ROOT = "/org/freedesktop/secrets"
ITEM = ROOT + "/collection/one/1"
MODE = sys.argv[1]
ATTRIBUTES = {"xdg:schema": "org.signet.Secret", "kind": "passphrase", "name": "/k", "id": "x"}


def paths(*list_of):
    return dbus.Array([dbus.ObjectPath(p) for p in list_of], signature="o")


class Failure(dbus.DBusException):
    _dbus_error_name = "org.freedesktop.DBus.Error.Failed"


class Thing(dbus.service.Object):
    interface, properties = None, {}

    @dbus.service.method("org.freedesktop.DBus.Properties", "ss", "v")
    def Get(self, interface, name):
        return self.properties[name]

    @dbus.service.method("org.freedesktop.DBus.Properties", "s", "a{sv}")
    def GetAll(self, interface):
        return self.properties


class Service(Thing):
    properties = {"Collections": paths(ROOT + "/collection/session", ROOT + "/collection/one")}

    @dbus.service.method(SECRET + "Service", "sv", "vo", async_callbacks=("ok", "bad"))
    def OpenSession(self, algorithm, input, ok, bad):
        if MODE == "hang-open":
            return
        if algorithm != "plain":
            error = dbus.DBusException("no")
            error._dbus_error_name = "org.freedesktop.DBus.Error.NotSupported"
            bad(error)
            return
        ok(dbus.String("", variant_level=1), dbus.ObjectPath(ROOT + "/session/1"))

    @dbus.service.method(SECRET + "Service", "a{ss}", "aoao", async_callbacks=("ok", "bad"))
    def SearchItems(self, attributes, ok, bad):
        if MODE == "hang":
            return
        if MODE == "die":
            os._exit(0)
        if MODE == "tell":
            bad(Failure("the secret is right"))
        elif MODE == "rubbish":
            ok(paths(ROOT + "/collection/one/none", "/"), paths("/x"))
        elif attributes.get("name") == "/k" or MODE in ("other", "unmarked"):
            ok(paths(ITEM), paths())
        else:
            ok(paths(), paths())

    @dbus.service.method(SECRET + "Service", "ao", "aoo")
    def Unlock(self, objects):
        return paths(), dbus.ObjectPath("/")

    @dbus.service.method(SECRET + "Service", "s", "o")
    def ReadAlias(self, name):
        there = name == "default" and MODE not in ("no-default", "locked")
        return dbus.ObjectPath(ROOT + "/collection/one" if there else "/")


class Types(dbus.service.Object):
    @dbus.service.method(SECRET + "Service", "sv", "s")
    def OpenSession(self, algorithm, input):
        return "session"


class Collection(Thing):
    def __init__(self, bus, path):
        super().__init__(bus, path)
        self.path = path
        self.properties = {
            "Items": paths(ITEM),
            "Label": "Collection",
            "Locked": dbus.Boolean(MODE == "locked"),
            "Created": dbus.UInt64(1),
            "Modified": dbus.UInt64(1),
        }

    @dbus.service.method(SECRET + "Collection", "a{sv}(oayays)b", "oo")
    def CreateItem(self, properties, secret, replace):
        attributes = properties[SECRET + "Item.Attributes"]
        words = " ".join(f"{k}={v}" for k, v in sorted(attributes.items()))
        print(f"{self.path} replace={bool(replace)} {words}", flush=True)
        if MODE == "tell":
            raise Failure("it is " + bytes(secret[2]).decode())
        return dbus.ObjectPath(ITEM), dbus.ObjectPath("/")


class Item(Thing):
    def __init__(self, bus, path):
        super().__init__(bus, path)
        attributes = dict(ATTRIBUTES)
        if MODE == "other":
            attributes["id"] = "y"
        if MODE == "unmarked":
            attributes["xdg:schema"] = "org.freedesktop.Secret.Generic"
        self.properties = {
            "Attributes": dbus.Dictionary(attributes, signature="ss"),
            "Label": "Item",
            "Locked": dbus.Boolean(False),
            "Created": dbus.UInt64(1),
            "Modified": dbus.UInt64(1),
        }

    @dbus.service.method(SECRET + "Item", "", "o")
    def Delete(self):
        print("deleted", flush=True)
        return dbus.ObjectPath("/")

    @dbus.service.method(SECRET + "Item", "o", "(oayays)", async_callbacks=("ok", "bad"))
    def GetSecret(self, session, ok, bad):
        if MODE == "hang-secret":
            return
        if MODE == "die-secret":
            os._exit(0)
        value = {"empty": b"", "long": b"a" * 1025, "nul": b"ri\0ght", "huge": b"a" * 10**7}
        value = value.get(MODE, b"right")
        ok((dbus.ObjectPath(session), dbus.ByteArray(), dbus.ByteArray(value), "text/plain"))


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
things = [
    (Types if MODE == "types" else Service)(bus, ROOT),
    Collection(bus, ROOT + "/collection/session"),
    Collection(bus, ROOT + "/collection/one"),
    Item(bus, ITEM),
]
name = dbus.service.BusName("org.freedesktop.secrets", bus)
GLib.MainLoop().run()
