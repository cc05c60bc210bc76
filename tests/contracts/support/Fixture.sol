// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {AnchorRegistry} from "../../../contracts/AnchorRegistry.sol";
import {DepartmentRegistry} from "../../../contracts/DepartmentRegistry.sol";
import {StatusRegistry} from "../../../contracts/StatusRegistry.sol";
import {VerificationView} from "../../../contracts/VerificationView.sol";
import {IDepartmentRegistry, Role} from "../../../contracts/interfaces/IDepartmentRegistry.sol";
import {Interval} from "../../../contracts/lib/History.sol";
import {vm} from "./Vm.sol";

/// @notice The four contracts and a small tree: council → PROVINCE → CITY → COUNTY, with a second
/// city OTHER_CITY under the province and a second province OTHER beside it. Every department has
/// an admin account of its own and holds KIND; accounts for the other roles belong to CITY.
abstract contract Fixture {
    bytes20 internal constant NONE = 0;
    bytes20 internal constant PROVINCE = "11440000000000001A";
    bytes20 internal constant CITY = "11440100000000002B";
    bytes20 internal constant COUNTY = "11440103000000003C";
    bytes20 internal constant OTHER_CITY = "11440300000000004D";
    bytes20 internal constant OTHER = "11330000000000005E";
    bytes20 internal constant STRANGER = "99999999999999999Z";

    bytes32 internal constant KIND = "resident-id";
    bytes32 internal constant OTHER_KIND = "student-record";
    bytes32 internal constant SORT = "public-security";
    bytes32 internal constant KEY = keccak256("a key's thumbprint");
    bytes32 internal constant X = keccak256("x");
    bytes32 internal constant Y = keccak256("y");

    address internal immutable council = vm.addr(1);
    address internal immutable provinceAdmin = vm.addr(2);
    address internal immutable cityAdmin = vm.addr(3);
    address internal immutable countyAdmin = vm.addr(4);
    address internal immutable otherCityAdmin = vm.addr(5);
    address internal immutable otherAdmin = vm.addr(6);
    address internal immutable anchorer = vm.addr(7);
    address internal immutable statusOfficer = vm.addr(8);
    address internal immutable outsider = vm.addr(9);

    DepartmentRegistry internal departments;
    AnchorRegistry internal anchors;
    StatusRegistry internal status;
    VerificationView internal inspector;

    function setUp() public virtual {
        vm.roll(1_000);
        vm.warp(1_800_000_000);
        _deploy(0);
        _admit(council, NONE, PROVINCE, provinceAdmin);
        _admit(council, NONE, OTHER, otherAdmin);
        _admit(provinceAdmin, PROVINCE, CITY, cityAdmin);
        _admit(provinceAdmin, PROVINCE, OTHER_CITY, otherCityAdmin);
        _admit(cityAdmin, CITY, COUNTY, countyAdmin);
        vm.startPrank(cityAdmin);
        departments.grantRole(CITY, CITY, Role.Anchor, anchorer);
        departments.grantRole(CITY, CITY, Role.Status, statusOfficer);
        vm.stopPrank();
        _mine();
    }

    function _deploy(uint64 delay) internal {
        departments = new DepartmentRegistry(council, delay);
        anchors = new AnchorRegistry(departments);
        status = new StatusRegistry(departments);
        inspector = new VerificationView(departments, anchors, status);
    }

    function _admit(address sender, bytes20 parent, bytes20 code, address admin) internal {
        vm.prank(sender);
        departments.admit(parent, code, SORT, "", _kinds(KIND), admin);
    }

    function _mine() internal {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + 5);
    }

    function _kinds(bytes32 kind) internal pure returns (bytes32[] memory kinds) {
        kinds = new bytes32[](1);
        kinds[0] = kind;
    }

    function _indices(uint32 index) internal pure returns (uint32[] memory indices) {
        indices = new uint32[](1);
        indices[0] = index;
    }

    function _bounded(uint256 value, uint256 count) internal pure returns (uint256) {
        return value % count;
    }

    function _refuse(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function _refuseUnauthorised(bytes20 actor, Role role, address account) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.NotAuthorised.selector, actor, role, account)
        );
    }

    function _refuseNotAbove(bytes20 actor, bytes20 department) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.NotAncestor.selector, actor, department)
        );
    }

    function _refuseOf(bytes4 selector, bytes20 department) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, department));
    }

    function _assertInterval(Interval memory interval, uint256 from, uint256 until) internal pure {
        vm.assertEq(interval.from, from, "from");
        vm.assertEq(interval.until, until, "until");
    }
}
