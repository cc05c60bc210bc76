// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {Role} from "../../../contracts/interfaces/IDepartmentRegistry.sol";
import {Model} from "./Model.sol";
import {Replay} from "./Replay.sol";
import {vm} from "./Vm.sol";

/// @notice Makes random calls as random accounts. Where a call went through that the model forbids,
/// it says so; where it was allowed, it keeps the model in step.
contract Handler is Model, Replay {
    struct Anchored {
        bytes20 code;
        bytes32 root;
        bytes32 record;
    }

    struct Revoked {
        bytes20 code;
        bytes32 what;
        uint64 number;
    }

    /// @notice The first call that went through though the model forbids it; empty if none did.
    string public violation;
    /// @notice Calls that went through, so that a run which only met refusals is noticed.
    uint256 public done;

    Anchored[] private _anchored;
    Revoked[] private _revokedDigests;
    Revoked[] private _revokedRoots;
    Revoked[] private _revokedEntries;

    constructor() {
        vm.recordLogs();
        setUp();
        _codes = [PROVINCE, CITY, COUNTY, OTHER_CITY, OTHER, STRANGER];
        _accounts =
            [provinceAdmin, cityAdmin, countyAdmin, otherAdmin, anchorer, statusOfficer, council];
        _knowAdmitted(NONE, PROVINCE, provinceAdmin);
        _knowAdmitted(NONE, OTHER, otherAdmin);
        _knowAdmitted(PROVINCE, CITY, cityAdmin);
        _knowAdmitted(PROVINCE, OTHER_CITY, otherCityAdmin);
        _knowAdmitted(CITY, COUNTY, countyAdmin);
        holds[CITY][Role.Anchor][anchorer] = true;
        holds[CITY][Role.Status][statusOfficer] = true;
        // The log of the set-up spans two blocks, so the replay starts from where it led.
        vm.getRecordedLogs();
        _replayed[address(departments)] = departments.head();
        _replayed[address(anchors)] = anchors.head();
        _replayed[address(status)] = status.head();
    }

    function admit(uint8 a, uint8 b, uint8 who) external {
        (bytes20 parent, bytes20 code) = (_any(a), _code(b));
        address sender = _sender(parent, who);
        bool allowed = !known[code]
            && (parent == NONE ? sender == council : mayHold(parent, Role.Admin, sender));
        vm.prank(sender);
        try departments.admit(parent, code, SORT, "", new bytes32[](0), sender) {
            _went(allowed, "admit");
            _knowAdmitted(parent, code, sender);
            mayIssue[code][KIND] = false;
        } catch {}
    }

    function grantRole(uint8 a, uint8 b, uint8 c, uint8 who, uint8 whom) external {
        (bytes20 actor, bytes20 code, Role role) = (_actor(a, b), _code(b), Role(c % 4));
        (address sender, address account) = (_sender(actor, who), _account(whom));
        bool allowed = _mayAct(actor, code, Role.Admin, sender) && !dissolved[code];
        vm.prank(sender);
        try departments.grantRole(actor, code, role, account) {
            _went(allowed, "grantRole");
            holds[code][role][account] = true;
        } catch {}
    }

    function withdrawRole(uint8 a, uint8 b, uint8 c, uint8 who, uint8 whom) external {
        (bytes20 actor, bytes20 code, Role role) = (_actor(a, b), _code(b), Role(c % 4));
        (address sender, address account) = (_sender(actor, who), _account(whom));
        bool allowed = _mayAct(actor, code, Role.Admin, sender);
        vm.prank(sender);
        try departments.withdrawRole(actor, code, role, account) {
            _went(allowed && holds[code][role][account], "withdrawRole");
            holds[code][role][account] = false;
        } catch {}
    }

    function grantKind(uint8 a, uint8 b, uint8 c, uint8 who) external {
        (bytes20 actor, bytes20 code, bytes32 kind) = (_actor(a, b), _code(b), _kindPool[c % 2]);
        address sender = _sender(actor, who);
        bool allowed = _mayActAbove(actor, code, sender) && _allAboveMayIssue(code, kind);
        vm.prank(sender);
        try departments.grantKind(actor, code, kind) {
            _went(allowed && !dissolved[code], "grantKind");
            mayIssue[code][kind] = true;
        } catch {}
    }

    function withdrawKind(uint8 a, uint8 b, uint8 c, uint8 who) external {
        (bytes20 actor, bytes20 code, bytes32 kind) = (_actor(a, b), _code(b), _kindPool[c % 2]);
        address sender = _sender(actor, who);
        bool allowed = _mayActAbove(actor, code, sender) && mayIssue[code][kind];
        vm.prank(sender);
        try departments.withdrawKind(actor, code, kind) {
            _went(allowed, "withdrawKind");
            mayIssue[code][kind] = false;
        } catch {}
    }

    function registerKey(uint8 b, uint8 c, uint8 who, uint8 altered) external {
        (bytes20 code, bytes32 keyId) = (_code(b), _keyPool[c % 2]);
        address sender = _sender(code, who);
        bool allowed = mayHold(code, Role.Admin, sender) && keyCompromised[code][keyId] == 0;
        // The first registration decides; what differs later must be refused.
        bytes32 x = altered % 4 == 0 ? keyId : X;
        bytes32 known_ = departments.keyOf(code, keyId).x;
        vm.prank(sender);
        try departments.registerKey(code, keyId, 1, x, Y) {
            _went(allowed && (known_ == 0 || known_ == x), "registerKey");
            keyInForce[code][keyId] = true;
        } catch {}
    }

    function withdrawKey(uint8 a, uint8 b, uint8 c, uint8 who) external {
        (bytes20 actor, bytes20 code, bytes32 keyId) = (_actor(a, b), _code(b), _keyPool[c % 2]);
        address sender = _sender(actor, who);
        bool allowed = _mayAct(actor, code, Role.Admin, sender) && keyInForce[code][keyId];
        vm.prank(sender);
        try departments.withdrawKey(actor, code, keyId) {
            _went(allowed, "withdrawKey");
            keyInForce[code][keyId] = false;
        } catch {}
    }

    function compromiseKey(uint8 a, uint8 b, uint8 c, uint8 who, uint64 since) external {
        (bytes20 actor, bytes20 code, bytes32 keyId) = (_actor(a, b), _code(b), _keyPool[c % 2]);
        address sender = _sender(actor, who);
        since = uint64(_bounded(since, block.number + 2));
        uint64 before = keyCompromised[code][keyId];
        bool allowed = _mayAct(actor, code, Role.Admin, sender) && since != 0
            && since <= block.number && (before == 0 || since < before);
        vm.prank(sender);
        try departments.compromiseKey(actor, code, keyId, since) {
            _went(allowed, "compromiseKey");
            keyInForce[code][keyId] = false;
            keyCompromised[code][keyId] = since;
        } catch {}
    }

    function suspend(uint8 a, uint8 b, uint8 who, uint8 rarely) external {
        if (rarely % 4 != 0) return;
        (bytes20 actor, bytes20 code) = (_actor(a, b), _code(b));
        address sender = _sender(actor, who);
        bytes20 before = suspenderOf[code];
        bool higher =
            !suspended[code] || (before != NONE && (actor == NONE || isAbove(actor, before)));
        bool allowed = _mayActAbove(actor, code, sender) && !dissolved[code] && higher;
        vm.prank(sender);
        try departments.suspend(actor, code) {
            _went(allowed, "suspend");
            (suspended[code], suspenderOf[code]) = (true, actor);
        } catch {}
    }

    function lift(uint8 a, uint8 b, uint8 who) external {
        bytes20 code = _code(b);
        bytes20 actor = a % 4 == 3 ? _any(a / 4) : suspenderOf[code];
        address sender = _sender(actor, who);
        bool allowed = suspended[code] && _mayLift(actor, code, sender);
        vm.prank(sender);
        try departments.lift(actor, code) {
            _went(allowed, "lift");
            (suspended[code], suspenderOf[code]) = (false, NONE);
        } catch {}
    }

    function move(uint8 a, uint8 b, uint8 c, uint8 who) external {
        (bytes20 actor, bytes20 code, bytes20 to) = (_actor(a, b), _code(b), _any(c));
        address sender = _sender(actor, who);
        bool allowed = _mayMove(actor, code, to, sender);
        vm.prank(sender);
        try departments.move(actor, code, to) {
            _went(allowed, "move");
            parentOf[code] = to;
        } catch {}
    }

    function merge(uint8 a, uint8 b, uint8 c, uint8 who, uint8 rarely) external {
        if (rarely % 8 != 0) return;
        (bytes20 actor, bytes20 code, bytes20 into) = (_actor(a, b), _code(b), _code(c));
        address sender = _sender(actor, who);
        bool allowed = _mayMove(actor, code, into, sender) && !dissolved[into];
        vm.prank(sender);
        try departments.merge(actor, code, into) {
            _went(allowed, "merge");
            parentOf[code] = into;
            if (!suspended[code]) (suspended[code], suspenderOf[code]) = (true, into);
            dissolved[code] = true;
        } catch {}
    }

    function anchor(uint8 b, uint8 root, uint32 size, uint8 whom) external {
        bytes20 code = _code(b);
        address sender = _holder(code, Role.Anchor, whom);
        bytes32 root_ = bytes32(_bounded(root, 64));
        size = uint32(_bounded(size, 2 ** 20 + 10));
        vm.prank(sender);
        try anchors.anchor(code, root_, size) {
            _went(mayHold(code, Role.Anchor, sender) && size != 0, "anchor");
            _anchored.push(Anchored(code, root_, _anchorRecord(code, root_)));
        } catch {}
    }

    function setStatus(uint8 a, uint8 b, uint8 index, uint8 wanted, uint8 whom) external {
        (bytes20 actor, bytes20 code) = (_actor(a, b), _code(b));
        address sender = _holder(actor, Role.Status, whom);
        uint32 entry = uint32(_bounded(index, 4)) * 127;
        vm.prank(sender);
        try status.setStatus(actor, code, 1, _indices(entry), wanted % 3) {
            _went(_mayAct(actor, code, Role.Status, sender), "setStatus");
            if (wanted % 3 == 1) _revokedEntries.push(Revoked(code, bytes32(uint256(entry)), 0));
        } catch {}
    }

    function revoke(uint8 a, uint8 b, uint8 what, uint8 whom) external {
        (bytes20 actor, bytes20 code) = (_actor(a, b), _code(b));
        address sender = _holder(actor, Role.Status, whom);
        bytes32 what_ = bytes32(uint256(what % 4) + 1);
        bool allowed = _mayAct(actor, code, Role.Status, sender);
        vm.startPrank(sender);
        try status.revokeDigest(actor, code, what_) {
            _went(allowed, "revokeDigest");
            uint64 number = status.digestRevokedAt(code, what_);
            _revokedDigests.push(Revoked(code, what_, number));
        } catch {}
        try status.revokeRoot(actor, code, what_) {
            _went(allowed, "revokeRoot");
            _revokedRoots.push(Revoked(code, what_, status.rootRevokedAt(code, what_)));
        } catch {}
        vm.stopPrank();
    }

    function mine(uint8 blocks) external {
        vm.roll(block.number + 1 + blocks % 3);
        vm.warp(block.timestamp + 5);
    }

    function replayed(address emitter) external view returns (bytes32) {
        return _replayed[emitter];
    }

    /// @notice Whether every anchor is still what it was when it was made.
    function anchorsStand() external view returns (bool) {
        for (uint256 i = 0; i < _anchored.length; ++i) {
            Anchored storage made = _anchored[i];
            if (_anchorRecord(made.code, made.root) != made.record) return false;
        }
        return true;
    }

    /// @notice Whether all that was ever revoked still is, since the same block.
    function revocationsStand() external view returns (bool) {
        for (uint256 i = 0; i < _revokedEntries.length; ++i) {
            Revoked storage made = _revokedEntries[i];
            if (status.statusOf(made.code, 1, uint32(uint256(made.what))) != 1) return false;
        }
        for (uint256 i = 0; i < _revokedDigests.length; ++i) {
            Revoked storage made = _revokedDigests[i];
            if (status.digestRevokedAt(made.code, made.what) != made.number) return false;
        }
        for (uint256 i = 0; i < _revokedRoots.length; ++i) {
            Revoked storage made = _revokedRoots[i];
            if (status.rootRevokedAt(made.code, made.what) != made.number) return false;
        }
        return true;
    }

    function registries() external view returns (address, address, address) {
        return (address(departments), address(anchors), address(status));
    }

    function _went(bool allowed, string memory call) private {
        ++done;
        _replay();
        if (!allowed && bytes(violation).length == 0) violation = call;
    }

    function _knowAdmitted(bytes20 parent, bytes20 code, address admin) private {
        (known[code], parentOf[code]) = (true, parent);
        holds[code][Role.Admin][admin] = true;
        mayIssue[code][KIND] = true;
    }

    function _anchorRecord(bytes20 code, bytes32 root) private view returns (bytes32) {
        (uint64 time, uint64 number, uint32 size) = anchors.anchorOf(code, root);
        return keccak256(abi.encode(time, number, size));
    }

    function _code(uint8 seed) private view returns (bytes20) {
        return _codes[seed % _codes.length];
    }

    /// @dev A department or, more rarely, none.
    function _any(uint8 seed) private view returns (bytes20) {
        return seed % 8 == 7 ? NONE : _codes[seed % _codes.length];
    }

    /// @dev Mostly a department itself or one above it, else any or none.
    function _actor(uint8 seed, uint8 codeSeed) private view returns (bytes20 actor) {
        if (seed % 4 == 3) return _any(seed / 4);
        actor = _code(codeSeed);
        for (uint256 i = 0; i < seed % 4 && parentOf[actor] != NONE; ++i) {
            actor = parentOf[actor];
        }
    }

    function _account(uint8 seed) private view returns (address) {
        return _accounts[seed % _accounts.length];
    }

    /// @dev Mostly one who may act as the actor, else anybody.
    function _sender(bytes20 actor, uint8 seed) private view returns (address) {
        return _holder(actor, Role.Admin, seed);
    }

    /// @dev Mostly one who holds the role, if any account does, else anybody.
    function _holder(bytes20 actor, Role role, uint8 seed) private view returns (address) {
        for (uint256 i = 0; seed % 4 != 3 && i < _accounts.length; ++i) {
            address account = _accounts[(seed + i) % _accounts.length];
            if (actor == NONE ? account == council : holds[actor][role][account]) return account;
        }
        return _account(seed / 4);
    }
}
